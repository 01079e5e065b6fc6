import { boolean, pgTable, text } from 'drizzle-orm/pg-core';
import { moment } from '../columns.ts';

/**
 * The namespace of Temporal that has our workflows, in one row, by the id that Temporal gave it. Another id means another namespace of
 * the same name, or a wiped one: what was begun before it was seen first may have no workflow there.
 */
export const namespaces = pgTable('namespaces', {
  current: boolean('current').primaryKey().default(true),
  id: text('id').notNull(),
  seenSince: moment('seen_since').notNull(),
});
