import { sql } from 'drizzle-orm';
import { boolean, index, integer, json, jsonb, pgTable, primaryKey, text, uniqueIndex } from 'drizzle-orm/pg-core';
import type { Campaign } from '../../domain/campaign/campaign.ts';
import type { Json } from '../../domain/json.ts';
import type { Plan } from '../../domain/walk.ts';
import { createdAt, moment, updatedAt } from '../columns.ts';
import { people } from './people.ts';

export type CampaignState = 'new' | 'live' | 'paused' | 'stopped';

/**
 * A campaign: its state, the version that new entries get, and the event that this version starts on, by which the relay looks it
 * up. Entering reads this row alone, `for share`; publishing, start and stop take it `for update`.
 */
export const campaigns = pgTable(
  'campaigns',
  {
    id: text('id').primaryKey(),
    state: text('state').$type<CampaignState>().notNull(),
    version: integer('version').notNull(),
    triggerEvent: text('trigger_event'),
    createdAt: createdAt(),
    updatedAt: updatedAt(),
  },
  (table) => [index('campaigns_trigger_event').on(table.triggerEvent)],
);

/** A published definition, immutable. */
export const campaignVersions = pgTable(
  'campaign_versions',
  {
    campaignId: text('campaign_id')
      .notNull()
      .references(() => campaigns.id),
    version: integer('version').notNull(),
    /** `json`, not `jsonb`: keys keep the order in which their author wrote them, in rendered bodies too. */
    definition: json('definition').$type<Campaign>().notNull(),
    plan: jsonb('plan').$type<Plan>().notNull(),
    createdAt: createdAt(),
  },
  (table) => [primaryKey({ columns: [table.campaignId, table.version] })],
);

/** One start of a campaign for many people. A repeated `requestId` answers the same broadcast. */
export const broadcasts = pgTable(
  'broadcasts',
  {
    id: text('id').primaryKey(),
    campaignId: text('campaign_id')
      .notNull()
      .references(() => campaigns.id),
    version: integer('version').notNull(),
    requestId: text('request_id'),
    /** SHA-256 of the request's body, so that a repeated id with another body is refused. */
    requestHash: text('request_hash').notNull(),
    data: jsonb('data').$type<Record<string, Json>>().notNull(),
    selected: integer('selected').notNull(),
    createdAt: createdAt(),
  },
  (table) => [uniqueIndex('broadcasts_request').on(table.campaignId, table.requestId)],
);

/** Who entered what, for ever: the truth about entry frequency. `cause` is `event/<id>` or `broadcast/<id>`. */
export const entries = pgTable(
  'entries',
  {
    campaignId: text('campaign_id').notNull(),
    personKey: text('person_key')
      .notNull()
      .references(() => people.key, { onDelete: 'cascade' }),
    cause: text('cause').notNull(),
    once: boolean('once').notNull(),
    journeyId: text('journey_id').notNull(),
    createdAt: createdAt(),
  },
  (table) => [
    primaryKey({ columns: [table.campaignId, table.personKey, table.cause] }),
    uniqueIndex('entries_once')
      .on(table.campaignId, table.personKey)
      .where(sql`once`),
  ],
);

export type Outcome =
  | 'entered'
  | 'notLive'
  | 'paused'
  | 'whereFalse'
  | 'notInAudience'
  | 'frequency'
  | 'maxConcurrent'
  | 'backfilled'
  | 'suppressed';

/** Each entry that was considered, with the values that decided: one row per campaign, person and cause. */
export const outcomes = pgTable(
  'outcomes',
  {
    cause: text('cause').notNull(),
    campaignId: text('campaign_id').notNull(),
    personKey: text('person_key')
      .notNull()
      .references(() => people.key, { onDelete: 'cascade' }),
    version: integer('version').notNull(),
    outcome: text('outcome').$type<Outcome>().notNull(),
    reason: text('reason').notNull(),
    values: jsonb('values').$type<Record<string, Json>>().notNull(),
    journeyId: text('journey_id'),
    at: moment('at')
      .notNull()
      .default(sql`now()`),
  },
  (table) => [primaryKey({ columns: [table.cause, table.campaignId, table.personKey] })],
);
