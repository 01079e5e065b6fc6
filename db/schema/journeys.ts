import { sql } from 'drizzle-orm';
import { bigint, boolean, index, integer, jsonb, pgTable, primaryKey, text } from 'drizzle-orm/pg-core';
import type { Json } from '../../domain/json.ts';
import type { Prepared } from '../../domain/walk.ts';
import { createdAt, moment, updatedAt } from '../columns.ts';
import { broadcasts } from './campaigns.ts';
import { events, people } from './people.ts';

export const JOURNEY_STATES = [
  'starting',
  'delayed',
  'waiting',
  'awaitingApproval',
  'sending',
  'paused',
  'completed',
  'exited',
] as const;
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
    /** What began it: `event/<id>`, `broadcast/<id>`, `attribute/<name>/<number>`, `segment/<id>/<change>/<number>`, `date/<day>` or `schedule/<local time>`. */
    cause: text('cause').notNull(),
    eventId: text('event_id').references(() => events.id),
    broadcastId: text('broadcast_id').references(() => broadcasts.id),
    /** How many journeys led to this one, each by a change that it made: what triggers itself is stopped. */
    depth: integer('depth').notNull().default(0),
    /** The place in the person's own order of what began it, and that after which the next wait looks. */
    entryPosition: bigint('entry_position', { mode: 'number' }).notNull().default(0),
    position: bigint('position', { mode: 'number' }).notNull().default(0),
    /** Of the version's goal and exits, so that one look finds the journeys which an event concerns. */
    goalEvent: text('goal_event'),
    goalUntil: moment('goal_until'),
    exitEvents: text('exit_events')
      .array()
      .notNull()
      .default(sql`'{}'`),
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
    // For the look at what is overdue. Not by state: a step that leaves the time empty, as most do, leaves all indexes alone.
    index('journeys_overdue')
      .on(table.stepUntil)
      .where(sql`ended_at is null and step_until is not null`),
    index('journeys_untimed')
      .on(table.id)
      .where(sql`ended_at is null and step_until is null`),
    index('journeys_stuck')
      .on(table.id)
      .where(sql`ended_at is null and stuck_since is not null`),
    index('journeys_goal')
      .on(table.personKey, table.goalEvent)
      .where(sql`goal_event is not null`),
    // For the foreign keys: an event or a broadcast that goes must not have to look through all journeys.
    index('journeys_event')
      .on(table.eventId)
      .where(sql`event_id is not null`),
    index('journeys_broadcast')
      .on(table.broadcastId)
      .where(sql`broadcast_id is not null`),
    index('journeys_exits')
      .on(table.personKey)
      .where(sql`ended_at is null and exit_events <> '{}'`),
  ],
);

/** How a wait ended. */
export type WaitOutcome = 'event' | 'condition' | 'timedOut' | 'elapsed' | 'exited';

/**
 * What a journey waits for: an event, a condition, or a time that follows from the person. A row is closed by one conditional
 * update; whoever finds it closed obeys what it says.
 */
export const waits = pgTable(
  'waits',
  {
    journeyId: text('journey_id')
      .notNull()
      .references(() => journeys.id, { onDelete: 'cascade' }),
    stepId: text('step_id').notNull(),
    personKey: text('person_key').notNull(),
    kind: text('kind').$type<'event' | 'condition' | 'time'>().notNull(),
    eventName: text('event_name'),
    /** Events up to this number of the person are not seen. */
    since: bigint('since', { mode: 'number' }).notNull(),
    /** When it ends by itself; null: never. */
    deadline: moment('deadline'),
    /** Whether time alone may fulfil the condition, so that it is judged by the minute. */
    timed: boolean('timed').notNull().default(false),
    outcome: text('outcome').$type<WaitOutcome>(),
    /** The event that ended it, and the place in the person's order after which the next wait looks. */
    eventId: text('event_id').references(() => events.id),
    position: bigint('position', { mode: 'number' }),
    createdAt: createdAt(),
    closedAt: moment('closed_at'),
  },
  (table) => [
    primaryKey({ columns: [table.journeyId, table.stepId] }),
    index('waits_open')
      .on(table.personKey)
      .where(sql`outcome is null`),
    index('waits_timed')
      .on(table.personKey)
      .where(sql`outcome is null and timed`),
    index('waits_event')
      .on(table.eventId)
      .where(sql`event_id is not null`),
  ],
);

/** Which variant of each split a journey took that had not converted: what statistics count. It stays when the journey is deleted by age. */
export const splitChoices = pgTable(
  'split_choices',
  {
    journeyId: text('journey_id').notNull(),
    personKey: text('person_key')
      .notNull()
      .references(() => people.key, { onDelete: 'cascade' }),
    campaignId: text('campaign_id').notNull(),
    splitId: text('split_id').notNull(),
    variant: text('variant').notNull(),
  },
  (table) => [
    primaryKey({ columns: [table.journeyId, table.splitId] }),
    index('split_choices_campaign').on(table.campaignId, table.splitId, table.variant),
    index('split_choices_person').on(table.personKey),
  ],
);

/** A goal's event within its window: at most one for each journey. It stays when the journey is deleted by age, for `converted`. */
export const conversions = pgTable(
  'conversions',
  {
    journeyId: text('journey_id').primaryKey(),
    campaignId: text('campaign_id').notNull(),
    personKey: text('person_key')
      .notNull()
      .references(() => people.key, { onDelete: 'cascade' }),
    eventId: text('event_id').notNull(),
    /** The event's own time. */
    at: moment('at').notNull(),
    /** The journey's last sent webhook that tracks conversions, of those whose sending had begun when the event came. */
    stepId: text('step_id'),
  },
  (table) => [
    index('conversions_person').on(table.personKey, table.campaignId, table.at),
    index('conversions_campaign').on(table.campaignId),
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
    /** Of the draft that the line is about: it may be edited several times. */
    revision: integer('revision').notNull().default(1),
    details: jsonb('details').$type<Record<string, Json>>().notNull(),
    /** What a repeat of the step answers; null where the line decides nothing. */
    result: jsonb('result').$type<Prepared>(),
    at: moment('at')
      .notNull()
      .default(sql`clock_timestamp()`),
  },
  (table) => [primaryKey({ columns: [table.journeyId, table.step, table.what, table.revision] })],
);

/**
 * What a workflow is told: to begin, or that something has changed for it: a delivery may go on, or the journey has ended; or Temporal,
 * that it is to forget one whose person was erased.
 */
export type Command =
  | { type: 'startJourney'; journey: string }
  | { type: 'startDelivery'; delivery: string }
  | { type: 'startResend'; resend: string; delivery: string }
  | { type: 'startBroadcast'; broadcast: string }
  | { type: 'wake'; subject: string }
  | { type: 'forget' };

/** What Temporal has still to be told, in the order of `id` for each workflow. A row goes when Temporal has it. */
export const commands = pgTable(
  'commands',
  {
    id: bigint('id', { mode: 'number' }).primaryKey().generatedAlwaysAsIdentity(),
    workflowId: text('workflow_id').notNull(),
    command: jsonb('command').$type<Command>().notNull(),
    /** Events and decisions go first (0), what was asked for in bulk with what is left (1). */
    lane: integer('lane').notNull().default(0),
    /** Whose journey it starts: so many a second begin, and a broadcast knows how many have not. */
    broadcastId: text('broadcast_id'),
    tries: integer('tries').notNull().default(0),
    /** Nobody takes it before. */
    leasedUntil: moment('leased_until'),
    error: text('error'),
    createdAt: createdAt(),
  },
  (table) => [
    index('commands_order')
      .on(table.lane, table.id)
      .where(sql`broadcast_id is null`),
    index('commands_starts')
      .on(table.id)
      .where(sql`broadcast_id is not null`),
    index('commands_refused')
      .on(table.id)
      .where(sql`error is not null`),
    index('commands_workflow').on(table.workflowId, table.id),
    index('commands_broadcast')
      .on(table.broadcastId, table.id)
      .where(sql`broadcast_id is not null`),
  ],
);
