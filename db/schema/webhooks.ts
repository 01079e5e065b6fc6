import { integer, json, jsonb, pgTable, primaryKey, text, uniqueIndex } from 'drizzle-orm/pg-core';
import type { Webhook } from '../../domain/campaign/webhook.ts';
import type { RenderedDelivery } from '../../domain/journey/render-delivery.ts';
import type { Json } from '../../domain/json.ts';
import { createdAt, moment, updatedAt } from '../columns.ts';

/** A webhook that is sent without a campaign, and the version that new sends get. A deleted one is only hidden: its deliveries stay. */
export const webhooks = pgTable('webhooks', {
  id: text('id').primaryKey(),
  version: integer('version').notNull(),
  deletedAt: moment('deleted_at'),
  createdAt: createdAt(),
  updatedAt: updatedAt(),
});

/** A stored definition, immutable: deliveries keep the policy and the mapping that they were rendered with. */
export const webhookVersions = pgTable(
  'webhook_versions',
  {
    webhookId: text('webhook_id')
      .notNull()
      .references(() => webhooks.id),
    version: integer('version').notNull(),
    /** `json`, not `jsonb`: keys keep the order in which their author wrote them, in rendered bodies too. */
    definition: json('definition').$type<Webhook>().notNull(),
    createdAt: createdAt(),
  },
  (table) => [primaryKey({ columns: [table.webhookId, table.version] })],
);

/** What a send answers of one of its deliveries: the state that it was made in. */
export type MadeDelivery = Pick<RenderedDelivery, 'id' | 'state'>;

/** One request to send a webhook, to one person or many. A repeated `requestId` answers the same deliveries. */
export const sends = pgTable(
  'sends',
  {
    id: text('id').primaryKey(),
    webhookId: text('webhook_id')
      .notNull()
      .references(() => webhooks.id),
    requestId: text('request_id'),
    /** SHA-256 of the request's body, so that a repeated id with another body is refused. */
    requestHash: text('request_hash').notNull(),
    /** `trigger` in templates: the mapping reads it again. */
    data: jsonb('data').$type<Record<string, Json>>().notNull(),
    /** In the order of the request's people, whom it does not name. */
    deliveries: jsonb('deliveries').$type<MadeDelivery[]>().notNull(),
    createdAt: createdAt(),
  },
  (table) => [uniqueIndex('sends_request').on(table.webhookId, table.requestId)],
);
