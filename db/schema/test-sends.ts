import { pgTable, text } from 'drizzle-orm/pg-core';
import { bytes, createdAt, moment } from '../columns.ts';

/**
 * Webhooks that are sent once, to be looked at. The API writes a row and waits; one worker claims it, sends, and leaves the outcome,
 * with which the row goes. Job and outcome are encrypted and bound to the row.
 */
export const testSends = pgTable('test_sends', {
  id: text('id').primaryKey(),
  job: bytes('job').notNull(),
  claimedAt: moment('claimed_at'),
  outcome: bytes('outcome'),
  createdAt: createdAt(),
});
