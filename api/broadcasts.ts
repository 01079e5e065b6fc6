import { z } from 'zod';
import { listBroadcasts, type BroadcastRow } from '../db/broadcast-list.ts';
import { findBroadcast, stopBroadcast } from '../db/broadcasts.ts';
import { readBroadcastRefusal } from '../db/refusals.ts';
import type { Db } from '../db/open.ts';
import { BROADCAST_STATES } from '../db/schema/campaigns.ts';
import { HooklineError } from '../domain/errors.ts';
import { broadcast as broadcastAnswer, broadcastSummary, triggered } from './answers/campaigns.ts';
import { page } from './answers/common.ts';
import { MAX_LIST_BYTES } from './body.ts';
import { route, type Route } from './route.ts';
import { clientId, idParams, noParams, noQuery, pageQuery } from './schemas.ts';
import { trigger, TRIGGER_ERRORS, triggerBody } from './trigger.ts';

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
    errors: TRIGGER_ERRORS,
    repeatable: true,
    handle: async ({ params, body, db: tx }) => {
      const id = await trigger(tx, params.id, body);
      const after = () => {
        wake();
        wakeCarrier();
      };
      return { status: 202, body: { broadcast: { id } }, after };
    },
  }),
  route({
    method: 'get',
    path: '/v1/broadcasts',
    summary: 'Lists broadcasts, those of schedules too',
    scope: 'operate',
    params: noParams,
    query: z.strictObject({
      ...pageQuery,
      campaign: clientId.optional(),
      state: z.enum(BROADCAST_STATES).optional(),
    }),
    body: null,
    answers: { 200: page(broadcastSummary) },
    handle: async ({ query: { campaign, state, ...asked } }) => {
      const { data, nextCursor } = await listBroadcasts(db, asked, { campaign, state });
      return { status: 200, body: { data: data.map(summary), nextCursor } };
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
          `Broadcast ${params.id} is completed: whom it selected has entered, or is about to. POST /v1/journeys/… /exit ends a journey.`,
        );
      }
      wakeCarrier();
      return { status: 200, body: await shown(db, params.id) };
    },
  }),
];

async function shown(db: Db, id: string) {
  const [broadcast, error] = await Promise.all([findBroadcast(db, id), readBroadcastRefusal(db, id)]);
  if (!broadcast) throw noBroadcast(id);
  const { entered = 0, ...refused } = broadcast.counts;
  return { ...summary(broadcast), entered, refused, ...(error && { error }) };
}

const summary = ({ id, campaignId, version, state, occurrence, zone, selected, createdAt, endedAt }: BroadcastRow) => ({
  ...{ id, campaign: campaignId, version, state },
  ...(occurrence !== null && { occurrence }),
  ...(zone !== null && { zone }),
  ...{ selected, createdAt, endedAt },
});

const noBroadcast = (id: string) =>
  new HooklineError('broadcasts.not_found', `No broadcast has the id "${id}". GET /v1/broadcasts lists them.`);
