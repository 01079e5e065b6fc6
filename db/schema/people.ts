import { sql } from 'drizzle-orm';
import { bigint, boolean, index, integer, jsonb, pgTable, primaryKey, text } from 'drizzle-orm/pg-core';
import type { Json } from '../../domain/json.ts';
import { createdAt, moment, statementTime, updatedAt } from '../columns.ts';

/**
 * Who is known. `id` is the client's own, `key` (`per_…`) is ours: it names the person in Temporal, where nothing personal may stand.
 * `lastNumber` counts what was stored for the person: whoever stores something locks this row and takes the next number.
 */
export const people = pgTable(
  'people',
  {
    key: text('key').primaryKey(),
    id: text('id').notNull().unique(),
    attributes: jsonb('attributes').$type<Record<string, Json>>().notNull(),
    suppressed: boolean('suppressed').notNull().default(false),
    lastNumber: bigint('last_number', { mode: 'number' }).notNull().default(0),
    createdAt: createdAt(),
    updatedAt: updatedAt(),
  },
  // A longer text is no zone, and might not fit into an index.
  () => [
    index('people_timezone')
      .on(sql`(attributes ->> 'timezone')`)
      .where(sql`jsonb_typeof(attributes -> 'timezone') = 'string' and length(attributes ->> 'timezone') <= 64`),
  ],
);

/** What people did, accepted once per `id`. `number` is the event's place in its person's own order. */
export const events = pgTable(
  'events',
  {
    id: text('id').primaryKey(),
    personKey: text('person_key')
      .notNull()
      .references(() => people.key, { onDelete: 'cascade' }),
    number: bigint('number', { mode: 'number' }).notNull(),
    name: text('name').notNull(),
    data: jsonb('data').$type<Record<string, Json>>().notNull(),
    timestamp: moment('timestamp').notNull(),
    receivedAt: moment('received_at').notNull(),
    backfill: boolean('backfill').notNull().default(false),
  },
  (table) => [
    index('events_person').on(table.personKey, table.number),
    index('events_timeline').on(table.personKey, table.receivedAt),
    index('events_performed').on(table.personKey, table.name, table.timestamp),
  ],
);

/**
 * Each name under which an event or an attribute ever came: who writes a campaign is told of one that nobody has sent. No key: at that,
 * whoever brings a new name would wait for the end of another's transaction that brings it too, and some of these are long.
 */
export const seenNames = pgTable(
  'seen_names',
  {
    kind: text('kind').$type<'event' | 'attribute'>().notNull(),
    name: text('name').notNull(),
  },
  (table) => [index('seen_names_name').on(table.kind, table.name)],
);

/** What changed attributes of a person: a client of the API, an event, the answer to a delivery, a journey's step, or somebody who was merged into them. */
export type ChangeCause =
  | { type: 'api' }
  | { type: 'event'; id: string }
  | { type: 'mapping'; delivery: string }
  | { type: 'update'; journey: string; step: string }
  | { type: 'merge' };

/** An attribute before and after, `null` where it was not there; no attribute is null itself. */
export type AttributeChange = { from: Json; to: Json };

/** Each change of a person's attributes that changed something; `number` is its place in the person's own order. */
export const attributeChanges = pgTable(
  'attribute_changes',
  {
    personKey: text('person_key')
      .notNull()
      .references(() => people.key, { onDelete: 'cascade' }),
    number: bigint('number', { mode: 'number' }).notNull(),
    at: statementTime('at'),
    cause: jsonb('cause').$type<ChangeCause>().notNull(),
    changes: jsonb('changes').$type<Record<string, AttributeChange>>().notNull(),
    /** How many journeys led to it, each by a change of its own. */
    depth: integer('depth').notNull().default(0),
    /** It was sent as backfill, or with an event that was long past: it starts no campaign and ends no wait. */
    backfill: boolean('backfill').notNull().default(false),
  },
  (table) => [
    primaryKey({ columns: [table.personKey, table.number] }),
    index('attribute_changes_age').on(table.personKey, table.at),
  ],
);

export type InboxType = 'event' | 'trigger' | 'change' | 'segment' | 'due' | 'recheck';

/** What the relay has still to match, person by person, in the order of `number`. A row goes when it has been matched. */
export const inbox = pgTable(
  'inbox',
  {
    personKey: text('person_key')
      .notNull()
      .references(() => people.key, { onDelete: 'cascade' }),
    number: bigint('number', { mode: 'number' }).notNull(),
    type: text('type').$type<InboxType>().notNull(),
    /**
     * The event's id, the broadcast's, `<segment>/<enter or leave>`, or `<campaign>/<occurrence>` of what is due; empty for a change of
     * attributes, which has the item's own number, and for a look at what time alone may have changed.
     */
    subject: text('subject').notNull(),
  },
  (table) => [
    primaryKey({ columns: [table.personKey, table.number] }),
    index('inbox_triggers')
      .on(table.subject)
      .where(sql`type = 'trigger'`),
  ],
);

/**
 * Who has something in the inbox: one row per person, however much it is, so that the relay finds the next people without
 * reading items. Whoever adds items holds the person's row and sees to this one; it goes with the last item.
 */
export const waiting = pgTable(
  'waiting',
  {
    personKey: text('person_key')
      .primaryKey()
      .references(() => people.key, { onDelete: 'cascade' }),
    /** People with an event go first (0), those with broadcasts only come with what is left (1). */
    lane: integer('lane').notNull(),
    dueAt: moment('due_at').notNull(),
  },
  (table) => [index('waiting_order').on(table.lane, table.dueAt)],
);
