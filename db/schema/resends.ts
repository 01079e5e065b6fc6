import { sql } from 'drizzle-orm';
import { bigint, boolean, index, integer, jsonb, pgTable, text, uniqueIndex } from 'drizzle-orm/pg-core';
import type { ShownError } from '../../domain/request/shown-error.ts';
import { createdAt, moment } from '../columns.ts';
import { deliveries, type Actor } from './deliveries.ts';

/**
 * Each time that somebody had a settled delivery sent once more. Its id is that of its first attempt. What the delivery says of its
 * own sending stays as it was: the policy counts anew here.
 */
export const resends = pgTable(
  'resends',
  {
    id: text('id').primaryKey(),
    deliveryId: text('delivery_id')
      .notNull()
      .references(() => deliveries.id, { onDelete: 'cascade' }),
    by: jsonb('by').$type<Actor>().notNull(),
    reason: text('reason'),
    /** Whether the whole policy counts; otherwise it is one attempt. */
    retry: boolean('retry').notNull(),
    /** The attempts that the delivery had before. */
    attemptsBefore: integer('attempts_before').notNull(),
    firstAttemptAt: moment('first_attempt_at'),
    nextAttemptAt: moment('next_attempt_at'),
    /** As of a delivery. */
    parkedMs: bigint('parked_ms', { mode: 'number' }).notNull().default(0),
    /** Why it failed, so far or in the end; null where it was sent. */
    error: jsonb('error').$type<ShownError>(),
    /** When a relay last asked Temporal for its workflow. */
    checkedAt: moment('checked_at'),
    createdAt: createdAt(),
    endedAt: moment('ended_at'),
  },
  (table) => [
    index('resends_delivery').on(table.deliveryId, table.id),
    // Never two at once.
    uniqueIndex('resends_open')
      .on(table.deliveryId)
      .where(sql`ended_at is null`),
  ],
);
