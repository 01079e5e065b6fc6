import { sql } from 'drizzle-orm';
import { index, integer, jsonb, pgTable, primaryKey, text } from 'drizzle-orm/pg-core';
import type { ErrorCode } from '../../domain/errors.ts';
import { createdAt, moment, statementTime } from '../columns.ts';
import type { Actor } from './deliveries.ts';

/** What is done to many deliveries at once. */
export type Task =
  | { type: 'approve' | 'discard'; reason: string | null }
  | { type: 'resend'; reason: string | null; retry: boolean };

/** A task for more deliveries than one request decides: relays work it off, a part in each transaction. */
export const jobs = pgTable(
  'jobs',
  {
    id: text('id').primaryKey(),
    task: jsonb('task').$type<Task>().notNull(),
    by: jsonb('by').$type<Actor>().notNull(),
    /** How many deliveries could be decided when it was asked for. */
    matched: integer('matched').notNull(),
    decided: integer('decided').notNull().default(0),
    /** Later than now after a failure. */
    dueAt: statementTime('due_at'),
    createdAt: createdAt(),
    endedAt: moment('ended_at'),
  },
  (table) => [
    index('jobs_open')
      .on(table.id)
      .where(sql`ended_at is null`),
  ],
);

/** What a job has still to do, and what was refused, with the code; the row of a delivery that was decided goes. */
export const jobItems = pgTable(
  'job_items',
  {
    jobId: text('job_id')
      .notNull()
      .references(() => jobs.id, { onDelete: 'cascade' }),
    /** As the client sent it: there may be no such delivery. */
    deliveryId: text('delivery_id').notNull(),
    code: text('code').$type<ErrorCode>(),
  },
  (table) => [primaryKey({ columns: [table.jobId, table.deliveryId] })],
);
