import { z } from 'zod';
import type { Db } from '../db/open.ts';
import { listPeople } from '../db/people-list.ts';
import { findPerson, putPerson, type PersonRow } from '../db/people.ts';
import { putPeople } from '../db/put-people.ts';
import { HooklineError } from '../domain/errors.ts';
import { page as pageOf } from './answers/common.ts';
import { peopleStored, person as personAnswer } from './answers/people.ts';
import { parseInput } from '../domain/input/faults.ts';
import type { Json } from '../domain/json.ts';
import { MAX_LIST_BYTES } from './body.ts';
import { judgeItems, outcomesOf, refusalsOf, shownRefusals, validOf } from './items.ts';
import { route, type Route } from './route.ts';
import { clientId, fields, idParams, noParams, noQuery, pageQuery } from './schemas.ts';

const TOGETHER = 'send attribute and value together, or neither';

const listQuery = z
  .strictObject({ ...pageQuery, attribute: z.string().min(1).max(255).optional(), value: z.string().optional() })
  .superRefine(({ attribute, value }, context) => {
    if ((attribute === undefined) === (value === undefined)) return;
    context.addIssue({ code: 'custom', path: [attribute === undefined ? 'attribute' : 'value'], message: TOGETHER });
  });

const storeQuery = z.strictObject({ backfill: z.enum(['true', 'false']).optional() });
const personBody = z.strictObject({ attributes: fields.default({}) });
const itemSchema = z.strictObject({ id: clientId, attributes: fields.default({}) });

/** `PUT` creates or merges, `null` removes an attribute, `POST` does so with many; `GET` reads. */
export const peopleRoutes = ({ db, wake }: { db: Db; wake: () => void }): Route[] => [
  route({
    method: 'put',
    path: '/v1/people/:id',
    summary: 'Creates a person or merges attributes',
    scope: 'ingest',
    params: idParams,
    query: storeQuery,
    body: personBody,
    examples: [{ attributes: { first_name: 'Ada', plan: 'gold', old_plan: null } }],
    answers: { 200: personAnswer },
    errors: ['people.too_large'],
    handle: async ({ params, query, body }) => {
      const { isLeft, ...person } = await putPerson(db, params.id, body.attributes, backfillOf(query));
      if (isLeft) wake();
      return { status: 200, body: shownPerson(person) };
    },
  }),
  route({
    method: 'post',
    path: '/v1/people',
    summary: 'Creates people or merges their attributes',
    scope: 'ingest',
    params: noParams,
    query: storeQuery,
    maxBytes: MAX_LIST_BYTES,
    judgesItems: true,
    body: z.array(z.unknown(), 'send a list of 1 to 1000 people { id, attributes }').min(1),
    described: z.array(itemSchema).min(1).max(1000),
    examples: [[{ id: 'ada', attributes: { plan: 'gold' } }, { id: 'bob' }]],
    answers: { 200: peopleStored },
    errors: ['people.too_large'],
    repeatable: true,
    handle: async ({ query, body, db: tx }) => {
      const judged = judgeItems(body, (item) => parseInput(itemSchema, item));
      const valid = validOf(judged);
      const { refusals: refused, isLeft } = await putPeople(tx, valid, backfillOf(query));
      const refusals = refusalsOf(outcomesOf(judged, refused), { what: 'people', isList: true });
      return {
        status: 200,
        body: { accepted: body.length - refusals.length, errors: shownRefusals(refusals) },
        after: () => {
          if (isLeft) wake();
        },
      };
    },
  }),
  route({
    method: 'get',
    path: '/v1/people',
    summary: 'Lists people, also by an attribute',
    scope: 'operate',
    params: noParams,
    query: listQuery,
    body: null,
    answers: { 200: pageOf(personAnswer) },
    handle: async ({ query: { attribute, value, ...page } }) => {
      const filter =
        attribute === undefined || value === undefined ? undefined : { attribute, values: readingsOf(value) };
      const { data, nextCursor } = await listPeople(db, page, filter);
      return { status: 200, body: { data: data.map(shownPerson), nextCursor } };
    },
  }),
  route({
    method: 'get',
    path: '/v1/people/:id',
    summary: 'Shows a person',
    scope: 'operate',
    params: idParams,
    query: noQuery,
    body: null,
    answers: { 200: personAnswer },
    errors: ['people.not_found'],
    handle: async ({ params }) => {
      const person = await findPerson(db, params.id);
      if (!person) throw personNotFound(params.id);
      return { status: 200, body: shownPerson(person) };
    },
  }),
];

const backfillOf = ({ backfill }: z.infer<typeof storeQuery>) => ({ backfill: backfill === 'true' });

/** What a text in a query may mean: itself, and where it is JSON of a number, a boolean or `null`, that too. */
function readingsOf(text: string): Json[] {
  try {
    const value: unknown = JSON.parse(text);
    const isPlain =
      value === null || typeof value === 'boolean' || (typeof value === 'number' && Number.isFinite(value));
    return isPlain ? [text, value] : [text];
  } catch {
    return [text];
  }
}

export const personNotFound = (id: string) =>
  new HooklineError('people.not_found', `No person has the id "${id}". Events and PUT /v1/people/:id create people.`);

export const shownPerson = ({ id, key, attributes, suppressed, createdAt, updatedAt }: PersonRow) => ({
  id,
  key,
  attributes,
  suppressed,
  createdAt,
  updatedAt,
});
