import { sql } from 'drizzle-orm';
import { boolean, index, integer, json, pgTable, primaryKey, text } from 'drizzle-orm/pg-core';
import type { Condition } from '../../domain/condition/condition.ts';
import { createdAt, moment, statementTime, updatedAt } from '../columns.ts';
import { people } from './people.ts';

/** A named condition. Who holds a person's row sees the definition that counts, by its version. */
export const segments = pgTable(
  'segments',
  {
    id: text('id').primaryKey(),
    name: text('name'),
    version: integer('version').notNull(),
    condition: json('condition').$type<Condition>().notNull(),
    /** Whether time alone may change who belongs to it, so that it is looked through by the minute. */
    timed: boolean('timed').notNull(),
    /** While everybody is gone through, for a new definition: the key of the last person of whom that is done. */
    filledTo: text('filled_to'),
    /** Whether who enters and leaves meanwhile is told to campaigns: not while a segment is filled for the first time. */
    silent: boolean('silent').notNull(),
    filledAt: moment('filled_at'),
    createdAt: createdAt(),
    updatedAt: updatedAt(),
  },
  (table) => [
    index('segments_filling')
      .on(table.id)
      .where(sql`filled_at is null`),
  ],
);

/** Who belongs to which segment, as the relay has found under the person's lock. */
export const segmentMembers = pgTable(
  'segment_members',
  {
    segmentId: text('segment_id')
      .notNull()
      .references(() => segments.id, { onDelete: 'cascade' }),
    personKey: text('person_key')
      .notNull()
      .references(() => people.key, { onDelete: 'cascade' }),
    since: statementTime('since'),
  },
  (table) => [
    primaryKey({ columns: [table.segmentId, table.personKey] }),
    index('segment_members_person').on(table.personKey),
  ],
);
