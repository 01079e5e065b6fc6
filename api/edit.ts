import { z } from 'zod';
import { findDelivery } from '../db/deliveries.ts';
import { noDelivery } from '../db/draft-refusal.ts';
import type { Db } from '../db/open.ts';
import { rewriteDrafts, type RewriteDependencies } from '../db/rewrite-drafts.ts';
import type { DestinationRules } from '../domain/delivery/address.ts';
import { editDraft } from '../domain/journey/rewrite-draft.ts';
import { reasonSchema } from './decisions.ts';
import { route, type Route } from './route.ts';
import { idParams, noQuery } from './schemas.ts';
import { shownDelivery } from './shown-delivery.ts';

const editBody = z.strictObject({
  webhook: z.unknown().optional(),
  revision: z.int().min(1).optional(),
  reason: reasonSchema.optional(),
});

type Dependencies = RewriteDependencies & { db: Db; destinations: DestinationRules };

/** New content for one draft, and so for one person. */
export const editRoutes = ({ db, cipher, campaigns, webhooks, destinations }: Dependencies): Route[] => [
  route({
    method: 'patch',
    path: '/v1/deliveries/:id',
    scope: 'operate',
    params: idParams,
    query: noQuery,
    body: editBody,
    yaml: true,
    handle: async ({ params: { id }, body: { webhook, revision, reason = null }, caller }) => {
      const { refused } = await db.transaction((tx) =>
        rewriteDrafts(tx, { cipher, campaigns, webhooks }, [id], {
          what: 'edited',
          by: { key: caller.key, actor: caller.actor },
          reason,
          revision,
          now: new Date(),
          version: 'own',
          render: editDraft(webhook, destinations, { mayReadSecrets: caller.scope === 'admin' }),
          details: { fields: fieldsOf(webhook) },
        }),
      );
      if (refused[0]) throw refused[0].error;
      const delivery = await findDelivery(db, id);
      if (!delivery) throw noDelivery(id);
      return { status: 200, body: shownDelivery(delivery) };
    },
  }),
];

/** Their names alone: what they say stands in the delivery. */
const fieldsOf = (webhook: unknown): string[] =>
  typeof webhook === 'object' && webhook !== null ? Object.keys(webhook) : [];
