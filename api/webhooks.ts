import { z } from 'zod';
import type { Db } from '../db/open.ts';
import { deleteWebhook, findWebhook, listWebhooks, putWebhook, wouldPut, type OpenDeliveries } from '../db/webhooks.ts';
import { idSchema } from '../domain/input/id.ts';
import { firstOf } from '../domain/input/nearest.ts';
import { validateWebhook, warningsOfLone } from '../domain/campaign/validate-webhook.ts';
import { webhookSchema } from '../domain/campaign/webhook.ts';
import type { DestinationRules } from '../domain/delivery/address.ts';
import { HooklineError } from '../domain/errors.ts';
import { deleted, page } from './answers/common.ts';
import { storedWebhook, webhook as webhookAnswer, webhookSummary } from './answers/webhooks.ts';
import { WEBHOOK_EXAMPLE } from './examples.ts';
import { route, type Route } from './route.ts';
import { idParams, namedPageQuery, noParams, noQuery } from './schemas.ts';

type Dependencies = { db: Db; destinations: DestinationRules };

/** Webhooks that are sent without a campaign, stored as immutable versions. */
export const webhookRoutes = ({ db, destinations }: Dependencies): Route[] => [
  route({
    method: 'put',
    path: '/v1/webhooks/:id',
    summary: 'Validates a webhook and stores it as next version',
    scope: 'admin',
    params: z.strictObject({ id: idSchema('welcome-sms') }),
    query: z.strictObject({ dryRun: z.enum(['true', 'false']).optional() }),
    body: z.unknown(),
    described: webhookSchema,
    yaml: true,
    examples: [WEBHOOK_EXAMPLE],
    answers: { 200: storedWebhook },
    errors: ['webhooks.invalid'],
    handle: async ({ params: { id }, query, body }) => {
      const webhook = validateWebhook(body, '', destinations);
      const isDry = query.dryRun === 'true';
      const { version } = await (isDry ? wouldPut : putWebhook)(db, id, webhook);
      const next = isDry
        ? 'nothing was stored; send it without dryRun to store it'
        : `POST /v1/webhooks/${id}/send sends it`;
      return { status: 200, body: { id, version, warnings: warningsOfLone(webhook), next } };
    },
  }),
  route({
    method: 'get',
    path: '/v1/webhooks',
    summary: 'Lists stored webhooks, without their definitions',
    scope: 'admin',
    params: noParams,
    query: z.strictObject(namedPageQuery),
    body: null,
    answers: { 200: page(webhookSummary) },
    handle: async ({ query }) => {
      const { data, nextCursor } = await listWebhooks(db, query);
      const summaries = data.map(({ id, version, createdAt, updatedAt }) => ({ id, version, createdAt, updatedAt }));
      return { status: 200, body: { data: summaries, nextCursor } };
    },
  }),
  route({
    method: 'get',
    path: '/v1/webhooks/:id',
    summary: 'Shows a stored webhook',
    scope: 'admin',
    params: idParams,
    query: noQuery,
    body: null,
    answers: { 200: webhookAnswer },
    errors: ['webhooks.not_found'],
    handle: async ({ params }) => {
      const webhook = await findWebhook(db, params.id);
      if (!webhook) throw noWebhook(params.id);
      const { id, version, definition, createdAt, updatedAt } = webhook;
      return { status: 200, body: { id, version, definition, createdAt, updatedAt } };
    },
  }),
  route({
    method: 'delete',
    path: '/v1/webhooks/:id',
    summary: 'Hides a stored webhook of which no delivery is open from new sends',
    scope: 'admin',
    params: idParams,
    query: noQuery,
    body: null,
    answers: { 200: deleted },
    errors: ['webhooks.not_found', 'webhooks.in_use'],
    handle: async ({ params: { id } }) => {
      if (!(await deleteWebhook(db, id, (open) => throwIfUsed(id, open)))) throw noWebhook(id);
      return { status: 200, body: { id } };
    },
  }),
];

function throwIfUsed(id: string, { count, oldest }: OpenDeliveries): void {
  if (count === 0) return;
  const places = oldest.map((delivery) => `deliveries/${delivery.id}`);
  throw new HooklineError(
    'webhooks.in_use',
    `Webhook ${id} is in use by ${firstOf(places, count)}. Decide its drafts, and let the others end first.`,
    { errors: oldest.map((delivery) => ({ path: `deliveries/${delivery.id}`, message: `is ${delivery.state}` })) },
  );
}

export const noWebhook = (id: string) =>
  new HooklineError('webhooks.not_found', `No webhook has the id "${id}". PUT /v1/webhooks/${id} stores one.`);
