import { z } from 'zod';
import { listMembers } from '../db/members.ts';
import type { Db } from '../db/open.ts';
import {
  deleteSegment,
  findSegment,
  listSegments,
  putSegment,
  wouldPutSegment,
  type SegmentUser,
} from '../db/segments.ts';
import { conditionNames, firstOfEach, type SentName } from '../domain/campaign/sent-names.ts';
import { segmentNames } from '../domain/campaign/segment-names.ts';
import { HooklineError } from '../domain/errors.ts';
import { idSchema } from '../domain/input/id.ts';
import { firstOf } from '../domain/input/nearest.ts';
import { compileSegment } from '../domain/segment/compiled-segment.ts';
import { segmentSchema, validateSegment } from '../domain/segment/segment.ts';
import { segmentPlaces, type Definition } from '../domain/segment/segment-faults.ts';
import { deleted, page as pageOf } from './answers/common.ts';
import { member, segment, segmentSummary, storedSegment } from './answers/segments.ts';
import { route, type Route } from './route.ts';
import { idParams, namedPageQuery, noParams, noQuery, pageQuery } from './schemas.ts';
import { unsentWarnings } from './unsent-warnings.ts';

const MAX_DEFINITION_BYTES = 256 * 1024;

/** Segments are named conditions; who belongs to one follows from what people are and did. */
export const segmentRoutes = ({ db }: { db: Db }): Route[] => [
  route({
    method: 'put',
    path: '/v1/segments/:id',
    summary: 'Validates a segment, stores it, and has it filled',
    scope: 'admin',
    params: z.strictObject({ id: idSchema('gold') }),
    query: z.strictObject({ dryRun: z.enum(['true', 'false']).optional() }),
    body: z.unknown(),
    maxBytes: MAX_DEFINITION_BYTES,
    yaml: true,
    described: segmentSchema,
    examples: [{ name: 'Gold', condition: { 'customer.plan': 'gold' } }],
    answers: { 200: storedSegment },
    errors: ['segments.invalid'],
    handle: async ({ params: { id }, query, body }) => {
      let names: SentName[] = [];
      const validate = (known: Definition[]) => {
        const segment = validateSegment(body, id, known);
        names = firstOfEach(conditionNames(segment.condition, 'condition'));
        return { ...segment, timed: compileSegment(segment.condition).timed };
      };
      const isDry = query.dryRun === 'true';
      const { version, state } = await (isDry ? wouldPutSegment : putSegment)(db, id, validate);
      const people = isDry || state === 'filling' ? undefined : (await findSegment(db, id))?.people;
      const next = isDry ? 'nothing was stored; send it without dryRun to store it' : NEXT[state](id);
      const warnings = await unsentWarnings(db, names);
      return { status: 200, body: { id, version, state, ...(people !== undefined && { people }), warnings, next } };
    },
  }),
  route({
    method: 'get',
    path: '/v1/segments',
    summary: 'Lists segments, without their conditions',
    scope: 'admin',
    params: noParams,
    query: z.strictObject(namedPageQuery),
    body: null,
    answers: { 200: pageOf(segmentSummary) },
    handle: async ({ query }) => {
      const { data, nextCursor } = await listSegments(db, query);
      const summaries = data.map(({ id, name, version, state, createdAt, updatedAt }) => ({
        ...{ id, name, version, state, createdAt, updatedAt },
      }));
      return { status: 200, body: { data: summaries, nextCursor } };
    },
  }),
  route({
    method: 'get',
    path: '/v1/segments/:id',
    summary: 'Shows a segment, and how many people belong to it',
    scope: 'admin',
    params: idParams,
    query: noQuery,
    body: null,
    answers: { 200: segment },
    errors: ['segments.not_found'],
    handle: async ({ params }) => {
      const { id, name, version, state, people, condition, createdAt, updatedAt } = await segmentOf(db, params.id);
      return { status: 200, body: { id, name, version, state, people, condition, createdAt, updatedAt } };
    },
  }),
  route({
    method: 'get',
    path: '/v1/segments/:id/people',
    summary: 'Lists who belongs to a segment',
    scope: 'admin',
    params: idParams,
    query: z.strictObject(pageQuery),
    body: null,
    answers: { 200: pageOf(member) },
    errors: ['segments.not_found'],
    handle: async ({ params, query }) => {
      const { id } = await segmentOf(db, params.id);
      const { data, nextCursor } = await listMembers(db, id, query);
      return {
        status: 200,
        body: { data: data.map(({ person, key, since }) => ({ id: person, key, since })), nextCursor },
      };
    },
  }),
  route({
    method: 'delete',
    path: '/v1/segments/:id',
    summary: 'Deletes a segment that nothing names',
    scope: 'admin',
    params: idParams,
    query: noQuery,
    body: null,
    answers: { 200: deleted },
    errors: ['segments.not_found', 'segments.in_use'],
    handle: async ({ params: { id } }) => {
      if (!(await deleteSegment(db, id, (users) => throwIfUsed(id, users)))) throw noSegment(id);
      return { status: 200, body: { id } };
    },
  }),
];

const NEXT = {
  filling: (id: string) => `people are gone through; GET /v1/segments/${id} shows how many belong to it`,
  ready: (id: string) => `GET /v1/segments/${id}/people lists who belongs to it`,
};

async function segmentOf(db: Db, id: string) {
  const segment = await findSegment(db, id);
  if (!segment) throw noSegment(id);
  return segment;
}

function throwIfUsed(id: string, users: SegmentUser[]): void {
  const errors = users.flatMap((user) => {
    const names = 'campaign' in user ? segmentNames({ ...user.campaign }) : segmentPlaces(user.condition, user.at);
    return names
      .filter(({ segment }) => segment === id)
      .map(({ path }) => ({ path: user.where, message: `names it at ${path}` }));
  });
  if (errors.length === 0) return;
  const places = firstOf([...new Set(errors.map(({ path }) => path))]);
  throw new HooklineError('segments.in_use', `Segment ${id} is in use by ${places}. Change or end these first.`, {
    errors,
  });
}

const noSegment = (id: string) =>
  new HooklineError('segments.not_found', `No segment has the id "${id}". PUT /v1/segments/${id} stores one.`);
