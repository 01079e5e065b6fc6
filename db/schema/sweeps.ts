import { sql } from 'drizzle-orm';
import { boolean, pgTable, primaryKey, text } from 'drizzle-orm/pg-core';
import { moment } from '../columns.ts';

/** To fill a segment, or the dates of a campaign; or to see who is concerned because time has passed. */
export type SweepType = 'fillSegment' | 'fillDates' | 'recheckSegment' | 'recheckWaits';

/** What goes through people a page at a time, in the order of their keys. One that fills is gone when everybody has been seen. */
export const sweeps = pgTable(
  'sweeps',
  {
    type: text('type').$type<SweepType>().notNull(),
    /** The segment, or the campaign; empty for waits. */
    subject: text('subject').notNull(),
    /** The key of the last person of whom it is done. */
    cursor: text('cursor'),
    /** Whether nobody is told who comes to belong to the segment: while it is filled for the first time. */
    silent: boolean('silent').notNull().default(false),
    dueAt: moment('due_at')
      .notNull()
      .default(sql`to_timestamp(0)`),
  },
  (table) => [primaryKey({ columns: [table.type, table.subject] })],
);
