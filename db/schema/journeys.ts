import { sql } from 'drizzle-orm';
import { bigint, index, integer, jsonb, pgTable, primaryKey, text } from 'drizzle-orm/pg-core';
import type { Json } from '../../domain/json.ts';
import type { Prepared } from '../../domain/walk.ts';
import { createdAt, moment, updatedAt } from '../columns.ts';
import { broadcasts } from './campaigns.ts';
import { events, people } from './people.ts';

export const JOURNEY_STATES = ['starting', 'delayed', 'awaitingApproval', 'sending', 'completed', 'exited'] as const;
export type JourneyState = (typeof JOURNEY_STATES)[number];

/**
 * What holds a journey up: its workflow's tasks fail in the worker, its workflow was closed by hand in Temporal, or Temporal refuses
 * what it is told of it.
 */
export type StuckBy = 'tasks' | 'closed' | 'command';

/** Where a journey stands. The row holds step and deadline before the workflow sleeps, so that it can be started again there. */
export const journeys = pgTable(
  'journeys',
  {
    id: text('id').primaryKey(),
    campaignId: text('campaign_id').notNull(),
    version: integer('version').notNull(),
    personKey: text('person_key')
      .notNull()
      .references(() => people.key, { onDelete: 'cascade' }),
    /** What began it: an event or a broadcast. */
    eventId: text('event_id').references(() => events.id),
    broadcastId: text('broadcast_id').references(() => broadcasts.id),
    /** Which run of the workflow `journey/<id>/<run>` is the current one. */
    run: integer('run').notNull().default(1),
    state: text('state').$type<JourneyState>().notNull(),
    stepId: text('step_id'),
    stepType: text('step_type'),
    stepSince: moment('step_since'),
    stepUntil: moment('step_until'),
    reason: text('reason'),
    /** Since when the journey cannot go on, and in a sentence why and what to do. It says nothing of a journey that has ended. */
    stuckSince: moment('stuck_since'),
    stuckBy: text('stuck_by').$type<StuckBy>(),
    stuckReason: text('stuck_reason'),
    /** When a relay last asked Temporal for its workflow; null: it gave no cause for that. */
    checkedAt: moment('checked_at'),
    createdAt: createdAt(),
    updatedAt: updatedAt(),
    endedAt: moment('ended_at'),
  },
  (table) => [
    index('journeys_campaign').on(table.campaignId, table.id),
    index('journeys_person').on(table.personKey, table.id),
    index('journeys_active')
      .on(table.campaignId, table.personKey)
      .where(sql`ended_at is null`),
    index('journeys_running')
      .on(table.id)
      .where(sql`ended_at is null`),
    index('journeys_stuck')
      .on(table.id)
      .where(sql`ended_at is null and stuck_since is not null`),
  ],
);

/**
 * What each journey did and why, one row per step and fact. It is also the memory of decisions:
 * who repeats a step finds its row and takes what stands there.
 */
export const journeyLog = pgTable(
  'journey_log',
  {
    journeyId: text('journey_id')
      .notNull()
      .references(() => journeys.id, { onDelete: 'cascade' }),
    /** Empty for what concerns the journey as a whole. */
    step: text('step').notNull(),
    what: text('what').notNull(),
    details: jsonb('details').$type<Record<string, Json>>().notNull(),
    /** What a repeat of the step answers; null where the line decides nothing. */
    result: jsonb('result').$type<Prepared>(),
    at: moment('at')
      .notNull()
      .default(sql`clock_timestamp()`),
  },
  (table) => [primaryKey({ columns: [table.journeyId, table.step, table.what] })],
);

/** What a workflow is told: to begin, or that something has changed for it: a delivery may go on, or the journey has ended. */
export type Command =
  | { type: 'startJourney'; journey: string }
  | { type: 'startDelivery'; delivery: string }
  | { type: 'startResend'; resend: string; delivery: string }
  | { type: 'wake'; subject: string };

/** What Temporal has still to be told, in the order of `id` for each workflow. A row goes when Temporal has it. */
export const commands = pgTable(
  'commands',
  {
    id: bigint('id', { mode: 'number' }).primaryKey().generatedAlwaysAsIdentity(),
    workflowId: text('workflow_id').notNull(),
    command: jsonb('command').$type<Command>().notNull(),
    /** Events and decisions go first (0), broadcasts with what is left (1). */
    lane: integer('lane').notNull().default(0),
    tries: integer('tries').notNull().default(0),
    leasedUntil: moment('leased_until'),
    error: text('error'),
    createdAt: createdAt(),
  },
  (table) => [
    index('commands_order').on(table.lane, table.id),
    index('commands_workflow').on(table.workflowId, table.id),
  ],
);
