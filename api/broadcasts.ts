import { createHash } from 'node:crypto';
import { z } from 'zod';
import {
  createBroadcast,
  type NewBroadcast,
  findBroadcast,
  findUnknownSegments,
  stopBroadcast,
  type BroadcastResult,
} from '../db/broadcasts.ts';
import type { Db } from '../db/open.ts';
import { audienceFaults, audienceSegments } from '../domain/campaign/audience-faults.ts';
import { conditionSchema } from '../domain/condition/condition.ts';
import { HooklineError, type InputFault } from '../domain/errors.ts';
import { broadcast as broadcastAnswer, triggered } from './answers/campaigns.ts';
import { assertDataFits, assertItems, MAX_LIST_BYTES } from './body.ts';
import { noCampaign } from './campaigns.ts';
import { route, type Route } from './route.ts';
import { clientId, fields, idParams, noQuery } from './schemas.ts';
import { unknownPeople } from './unknown-people.ts';

const triggerBody = z
  .strictObject({
    people: z.array(clientId).min(1).optional(),
    audience: conditionSchema.optional(),
    data: fields.default({}),
    id: clientId.optional(),
  })
  .superRefine(({ people, audience }, ctx) => {
    if (people && audience)
      ctx.addIssue({ code: 'custom', path: ['audience'], message: 'write people or audience, not both' });
    if (!people && !audience)
      ctx.addIssue({ code: 'custom', path: ['people'], message: 'is missing; write a list, or an audience' });
  });
type TriggerBody = z.infer<typeof triggerBody>;

type Dependencies = { db: Db; wake: () => void; wakeCarrier: () => void };

/** Enters people into a campaign by hand: those who are named, or an audience. */
export const broadcastRoutes = ({ db, wake, wakeCarrier }: Dependencies): Route[] => [
  route({
    method: 'post',
    path: '/v1/campaigns/:id/trigger',
    summary: 'Enters people by hand',
    scope: 'operate',
    params: idParams,
    query: noQuery,
    body: triggerBody,
    maxBytes: MAX_LIST_BYTES,
    examples: [{ people: ['ada'], data: { code: 4711 }, id: 'june-offer' }, { audience: { 'customer.plan': 'gold' } }],
    answers: { 202: triggered },
    errors: ['campaigns.not_found', 'campaigns.state', 'events.too_large', 'idempotency.mismatch'],
    repeatable: true,
    handle: async ({ params, body, db: tx }) => {
      assertDataFits(body.data);
      const { meant, hashed } = await readMeant(tx, body);
      const requestHash = createHash('sha256')
        .update(JSON.stringify([hashed, body.data]))
        .digest('hex');
      const request = { campaign: params.id, meant, data: body.data, requestId: body.id, requestHash };
      const result = await createBroadcast(tx, request);
      if (!('id' in result)) throw refused(result, params.id, body);
      const after = () => {
        wake();
        wakeCarrier();
      };
      return { status: 202, body: { broadcast: { id: result.id } }, after };
    },
  }),
  route({
    method: 'get',
    path: '/v1/broadcasts/:id',
    summary: 'Shows how far a broadcast has come',
    scope: 'operate',
    params: idParams,
    query: noQuery,
    body: null,
    answers: { 200: broadcastAnswer },
    errors: ['broadcasts.not_found'],
    handle: async ({ params }) => ({ status: 200, body: await shown(db, params.id) }),
  }),
  route({
    method: 'post',
    path: '/v1/broadcasts/:id/stop',
    summary: 'Lets nobody more enter by a broadcast',
    scope: 'operate',
    params: idParams,
    query: noQuery,
    body: null,
    answers: { 200: broadcastAnswer },
    errors: ['broadcasts.not_found', 'broadcasts.state'],
    handle: async ({ params }) => {
      const before = await stopBroadcast(db, params.id, { wake: true });
      if (before === undefined) throw noBroadcast(params.id);
      if (before === 'completed') {
        throw new HooklineError(
          'broadcasts.state',
          `Broadcast ${params.id} is completed: everybody has entered. POST /v1/journeys/… /exit ends a journey.`,
        );
      }
      wakeCarrier();
      return { status: 200, body: await shown(db, params.id) };
    },
  }),
];

/**
 * Whom a trigger means, and what a repeat under the same id has to have in common with it. That a segment is unknown is no fault here:
 * it may have been there when the request first came.
 */
async function readMeant(
  db: Db,
  { people, audience }: TriggerBody,
): Promise<{ meant: NewBroadcast['meant']; hashed: unknown }> {
  if (audience) {
    const segments = audienceSegments(audience);
    const faults = (unknown: string[]) => audienceFaults(audience, new Set(unknown));
    if (faults([]).length > 0) throw invalidAudience(faults(await findUnknownSegments(db, segments)));
    return { meant: { audience, segments }, hashed: { audience } };
  }
  assertItems(people ?? []);
  const named = [...new Set(people)];
  return { meant: { people: named }, hashed: named };
}

const invalidAudience = (errors: InputFault[]) =>
  new HooklineError('input.invalid', 'The audience is invalid.', { errors });

type Refused = Exclude<BroadcastResult, { type: 'stored' | 'repeated' }>;

function refused(result: Refused, campaign: string, body: TriggerBody): HooklineError {
  switch (result.type) {
    case 'noCampaign':
      return noCampaign(campaign);
    case 'notManual':
      return new HooklineError(
        'campaigns.state',
        `Campaign ${campaign} starts by ${result.trigger}; only a manual one can be triggered.`,
      );
    case 'notLive':
      return new HooklineError(
        'campaigns.state',
        `Campaign ${campaign} is ${result.state}; POST /v1/campaigns/${campaign}/${result.state === 'paused' ? 'resume' : 'start'} first.`,
      );
    case 'unknownSegments':
      return invalidAudience(body.audience ? audienceFaults(body.audience, new Set(result.segments)) : []);
    case 'mismatch':
      return new HooklineError(
        'idempotency.mismatch',
        `The id "${body.id}" was used for a trigger with other people, another audience or other data. Take a new id.`,
      );
    case 'unknownPeople':
      return unknownPeople(body, new Set(result.people), 'nobody was entered');
  }
}

async function shown(db: Db, id: string) {
  const broadcast = await findBroadcast(db, id);
  if (!broadcast) throw noBroadcast(id);
  const { campaignId: campaign, version, state, selected, createdAt, endedAt } = broadcast;
  const { entered = 0, ...others } = broadcast.counts;
  return { id, campaign, version, state, selected, entered, refused: others, createdAt, endedAt };
}

const noBroadcast = (id: string) => new HooklineError('broadcasts.not_found', `No broadcast has the id "${id}".`);
