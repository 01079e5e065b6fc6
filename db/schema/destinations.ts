import { sql } from 'drizzle-orm';
import { index, integer, pgTable, primaryKey, text } from 'drizzle-orm/pg-core';
import { createdAt, moment } from '../columns.ts';
import { deliveries } from './deliveries.ts';

/**
 * Where requests go: scheme, host and port. Whoever admits a delivery, or lets parked ones go, holds this row, so that slots are
 * given one at a time; how many are taken is counted from rows of attempts, there is no counter that could leak.
 */
export const destinations = pgTable('destinations', {
  origin: text('origin').primaryKey(),
  id: text('id').notNull().unique(),
  /** The origin as it may be shown: a secret in it is replaced. */
  shown: text('shown').notNull(),
  /** The breaker is open until then, and afterwards lets one attempt through; null while it is closed. */
  openUntil: moment('open_until'),
  /** How often it has opened since it was closed. */
  openings: integer('openings').notNull().default(0),
  /** The attempt that was let through, and when it counts as lost. */
  probe: text('probe'),
  probeUntil: moment('probe_until'),
  /** Attempts before this moment were judged already. */
  closedAt: moment('closed_at'),
  createdAt: createdAt(),
});

export type ParkingReason = 'breaker' | 'rateLimit' | 'slot';

/** Deliveries that wait for their destination, outside of activity slots; the oldest goes first. A row goes when its attempt begins. */
export const parked = pgTable(
  'parked',
  {
    deliveryId: text('delivery_id')
      .primaryKey()
      .references(() => deliveries.id, { onDelete: 'cascade' }),
    destination: text('destination').notNull(),
    /** Who is woken. */
    workflowId: text('workflow_id').notNull(),
    reason: text('reason').$type<ParkingReason>().notNull(),
    since: moment('since').notNull(),
    /** The own time that a rate limit gave to the coming attempt. */
    dueAt: moment('due_at'),
    /** A slot is kept for it until then. */
    releasedUntil: moment('released_until'),
  },
  (table) => [
    index('parked_in_turn')
      .on(table.destination, table.since, table.deliveryId)
      .where(sql`released_until is null and reason <> 'rateLimit'`),
    index('parked_by_time')
      .on(table.destination, table.dueAt)
      .where(sql`released_until is null and reason = 'rateLimit'`),
    index('parked_told')
      .on(table.destination, table.releasedUntil)
      .where(sql`released_until is not null`),
  ],
);

/** The next free time of each webhook with a rate limit, per destination; and that of starts of broadcasts' journeys. */
export const rateSlots = pgTable(
  'rate_slots',
  {
    webhook: text('webhook').notNull(),
    destination: text('destination').notNull(),
    nextAt: moment('next_at').notNull(),
  },
  (table) => [primaryKey({ columns: [table.webhook, table.destination] })],
);

/** Deliveries that wait until their campaign is resumed, outside of activity slots. A row goes when its workflow is told. */
export const pausedDeliveries = pgTable(
  'paused_deliveries',
  {
    deliveryId: text('delivery_id')
      .primaryKey()
      .references(() => deliveries.id, { onDelete: 'cascade' }),
    campaignId: text('campaign_id').notNull(),
    /** Who is woken. */
    workflowId: text('workflow_id').notNull(),
    since: moment('since').notNull(),
  },
  (table) => [index('paused_deliveries_campaign').on(table.campaignId)],
);
