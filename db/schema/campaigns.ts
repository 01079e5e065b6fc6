import { sql } from 'drizzle-orm';
import { boolean, index, integer, json, jsonb, pgTable, primaryKey, text, uniqueIndex } from 'drizzle-orm/pg-core';
import type { Campaign } from '../../domain/campaign/campaign.ts';
import type { Condition } from '../../domain/condition/condition.ts';
import type { Json } from '../../domain/json.ts';
import type { Plan } from '../../domain/walk.ts';
import { createdAt, moment, updatedAt } from '../columns.ts';
import { people } from './people.ts';

export type CampaignState = 'new' | 'live' | 'paused' | 'stopped';

export type TriggerType = Campaign['trigger']['type'];

/**
 * A campaign: its state, the version that new entries get, and what this version starts on, by which the relay looks it up.
 * Entering, holding and sending read this row alone, `for share`; publishing, start, pause and stop take it `for no key
 * update`, which lets pass what only refers to it: a page of a sweep, for which they wait.
 */
export const campaigns = pgTable(
  'campaigns',
  {
    id: text('id').primaryKey(),
    state: text('state').$type<CampaignState>().notNull(),
    version: integer('version').notNull(),
    triggerType: text('trigger_type').$type<TriggerType>().notNull(),
    /** The event, the attribute or the segment that is waited for; null where nothing is. */
    triggerName: text('trigger_name'),
    /** Set by a stop that lets nobody finish: journeys that began before are ended, in parts. */
    exitBefore: moment('exit_before'),
    /** When it was last stopped: broadcasts from before are over, also where it was started again. */
    stoppedAt: moment('stopped_at'),
    createdAt: createdAt(),
    /** When its state, or what it starts on and when, was last changed: what a schedule missed before does not count. */
    updatedAt: updatedAt(),
  },
  (table) => [
    index('campaigns_trigger').on(table.triggerType, table.triggerName),
    index('campaigns_exiting')
      .on(table.id)
      .where(sql`exit_before is not null`),
  ],
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

/**
 * One start of a campaign for many people: those who were named (their items wait in the inbox), or an audience that is gone through
 * page by page. A repeated `requestId` answers the same broadcast.
 */
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
    /** Null where people were named; not kept when it has ended. */
    audience: json('audience').$type<Condition | 'everybody'>(),
    /** The local time of the schedule that made it; everybody enters once for it, in whichever zone they are found. */
    occurrence: text('occurrence'),
    /** Of a schedule in each person's own zone: only people in this one are meant. */
    zone: text('zone'),
    state: text('state').$type<BroadcastState>().notNull().default('completed'),
    /** The key of the last person whom a page had. */
    cursor: text('cursor'),
    selected: integer('selected').notNull(),
    createdAt: createdAt(),
    /** When everybody was selected; their journeys may have still to begin. */
    selectedAt: moment('selected_at'),
    endedAt: moment('ended_at'),
  },
  (table) => [
    uniqueIndex('broadcasts_request').on(table.campaignId, table.requestId),
    index('broadcasts_running')
      .on(table.campaignId)
      .where(sql`ended_at is null`),
  ],
);

export const BROADCAST_STATES = ['running', 'completed', 'stopped'] as const;
export type BroadcastState = (typeof BROADCAST_STATES)[number];

/** When a schedule goes off: one row per local time and zone, computed ahead. Of several that are overdue the latest fires. */
export const occurrences = pgTable(
  'occurrences',
  {
    campaignId: text('campaign_id')
      .notNull()
      .references(() => campaigns.id),
    /** `2026-03-01T09:00`, on the clocks of the zone. */
    localTime: text('local_time').notNull(),
    zone: text('zone').notNull(),
    dueAt: moment('due_at').notNull(),
    state: text('state').$type<'due' | 'fired' | 'missed'>().notNull().default('due'),
    createdAt: createdAt(),
  },
  (table) => [
    primaryKey({ columns: [table.campaignId, table.localTime, table.zone] }),
    index('occurrences_zone').on(table.campaignId, table.zone, table.dueAt),
    index('occurrences_due')
      .on(table.dueAt)
      .where(sql`state = 'due'`),
  ],
);

/** When a person enters by a date of their own, or in their most active hour: once per occurrence. */
export const dueEntries = pgTable(
  'due_entries',
  {
    campaignId: text('campaign_id')
      .notNull()
      .references(() => campaigns.id),
    personKey: text('person_key')
      .notNull()
      .references(() => people.key, { onDelete: 'cascade' }),
    /** The local date, or the local time of the schedule. */
    occurrence: text('occurrence').notNull(),
    /** Of a schedule: the broadcast itself enters them. */
    broadcastId: text('broadcast_id').references(() => broadcasts.id),
    dueAt: moment('due_at').notNull(),
    firedAt: moment('fired_at'),
  },
  (table) => [
    primaryKey({ columns: [table.campaignId, table.personKey, table.occurrence] }),
    index('due_entries_due')
      .on(table.dueAt)
      .where(sql`fired_at is null and broadcast_id is null`),
    index('due_entries_person').on(table.personKey),
    index('due_entries_broadcast')
      .on(table.broadcastId, table.dueAt)
      .where(sql`broadcast_id is not null and fired_at is null`),
    index('due_entries_referring')
      .on(table.broadcastId)
      .where(sql`broadcast_id is not null`),
  ],
);

/** Who entered what, for ever: the truth about entry frequency. `cause` is what began the journey, as in its row. */
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
    index('entries_person').on(table.personKey),
    index('entries_latest').on(table.campaignId, table.personKey, table.createdAt),
  ],
);

export const OUTCOMES = [
  'entered',
  'notLive',
  'paused',
  'whereFalse',
  'notInAudience',
  'frequency',
  'maxConcurrent',
  'guard',
  'backfilled',
  'suppressed',
] as const;
export type Outcome = (typeof OUTCOMES)[number];

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
    broadcastId: text('broadcast_id'),
    at: moment('at')
      .notNull()
      .default(sql`now()`),
  },
  (table) => [
    primaryKey({ columns: [table.cause, table.campaignId, table.personKey] }),
    index('outcomes_campaign').on(table.campaignId, table.at),
    index('outcomes_person').on(table.personKey, table.at),
    index('outcomes_broadcast')
      .on(table.broadcastId, table.outcome)
      .where(sql`broadcast_id is not null`),
  ],
);
