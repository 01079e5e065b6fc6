import { sql } from 'drizzle-orm';
import { bigint, pgTable, primaryKey, text } from 'drizzle-orm/pg-core';
import { moment } from '../columns.ts';

/** What is gone through for what is old enough to go: people with what is theirs, and what belongs to nobody. */
export const PURGED = ['people', 'broadcasts', 'sends', 'jobs', 'occurrences'] as const;
export type Purged = (typeof PURGED)[number];

/** How far each has come. Whoever holds a row does the next page of it, so that relays share a pass and none does what another does. */
export const purges = pgTable('purges', {
  what: text('what').$type<Purged>().primaryKey(),
  /** The last key or id that was looked at; null at the beginning of a pass. */
  cursor: text('cursor'),
  dueAt: moment('due_at')
    .notNull()
    .default(sql`to_timestamp(0)`),
});

/**
 * How much of a campaign was deleted by age, so that its figures never shrink: considered entries by `outcome`, journeys by how they
 * `ended`, journeys that came to a `step`, and deliveries of a step by their state.
 */
export const campaignTotals = pgTable(
  'campaign_totals',
  {
    campaignId: text('campaign_id').notNull(),
    kind: text('kind').$type<'outcome' | 'ended' | 'step' | 'delivery'>().notNull(),
    /** The outcome, the journeys' state, or the step. */
    name: text('name').notNull(),
    /** Of deliveries; otherwise empty. */
    state: text('state').notNull(),
    count: bigint('count', { mode: 'number' }).notNull(),
  },
  (table) => [primaryKey({ columns: [table.campaignId, table.kind, table.name, table.state] })],
);
