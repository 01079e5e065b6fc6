import { index, integer, json, pgTable, primaryKey, text } from 'drizzle-orm/pg-core';
import type { Condition } from '../../domain/condition/condition.ts';
import { createdAt, statementTime, updatedAt } from '../columns.ts';
import { people } from './people.ts';

/** A named condition. Who holds a person's row sees the definition that counts, by its version. */
export const segments = pgTable('segments', {
  id: text('id').primaryKey(),
  name: text('name'),
  version: integer('version').notNull(),
  condition: json('condition').$type<Condition>().notNull(),
  createdAt: createdAt(),
  updatedAt: updatedAt(),
});

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
