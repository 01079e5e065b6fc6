import { z } from 'zod';
import { findDelivery } from '../db/deliveries.ts';
import { noDelivery } from '../db/draft-refusal.ts';
import { rewriteDrafts, type RewriteDependencies } from '../db/rewrite-drafts.ts';
import type { DestinationRules } from '../domain/delivery/address.ts';
import { editDraft } from '../domain/journey/rewrite-draft.ts';
import { delivery as deliveryAnswer } from './answers/deliveries.ts';
import { reasonSchema } from './decisions.ts';
import { route, type Route } from './route.ts';
import { idParams, noQuery, ordinal } from './schemas.ts';
import { shownDelivery } from './shown-delivery.ts';

const editBody = z.strictObject({
  webhook: z.unknown().optional(),
  revision: ordinal.optional(),
  reason: reasonSchema.optional(),
});

const RENDER_CODES = [
  'render.template',
  'render.invalid_json',
  'render.invalid_url',
  'render.invalid_header',
  'render.missing_variable',
  'render.too_large',
  'delivery.blocked',
  'delivery.host_not_allowed',
] as const;

type Dependencies = RewriteDependencies & { now: () => Date; destinations: DestinationRules };

/** New content for one draft, and so for one person. */
export const editRoutes = ({ now, cipher, campaigns, webhooks, destinations }: Dependencies): Route[] => [
  route({
    method: 'patch',
    path: '/v1/deliveries/:id',
    summary: 'Gives a draft new content, for its person alone',
    scope: 'operate',
    params: idParams,
    query: noQuery,
    body: editBody,
    yaml: true,
    examples: [{ revision: 1, reason: 'asked for it', webhook: { headers: { 'X-Team': 'care' } } }],
    answers: { 200: deliveryAnswer },
    errors: [
      'deliveries.not_found',
      'deliveries.not_drafted',
      'deliveries.expired',
      'deliveries.revision',
      'deliveries.step_gone',
      'webhooks.invalid',
      ...RENDER_CODES,
    ],
    repeatable: true,
    handle: async ({ params: { id }, body: { webhook, revision, reason = null }, caller, db }) => {
      const { refused } = await db.transaction((tx) =>
        rewriteDrafts(tx, { cipher, campaigns, webhooks }, [id], {
          what: 'edited',
          by: { key: caller.key, actor: caller.actor },
          reason,
          revision,
          now: now(),
          version: 'own',
          render: editDraft(webhook, destinations, { mayReadSecrets: caller.scope === 'admin' }),
          details: { fields: fieldsOf(webhook) },
        }),
      );
      if (refused[0]) throw refused[0].error;
      const delivery = await findDelivery(db, id);
      if (!delivery) throw noDelivery(id);
      return { status: 200, body: shownDelivery(delivery, now()) };
    },
  }),
];

/** Their names alone: what they say stands in the delivery. */
const fieldsOf = (webhook: unknown): string[] =>
  typeof webhook === 'object' && webhook !== null ? Object.keys(webhook) : [];
