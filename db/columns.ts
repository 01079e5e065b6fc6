import { sql } from 'drizzle-orm';
import { customType, timestamp } from 'drizzle-orm/pg-core';

/** Any bytes: NUL and invalid UTF-8 included, which neither `text` nor `jsonb` can hold. */
export const bytes = customType<{ data: Buffer; driverData: Buffer }>({ dataType: () => 'bytea' });

/** A moment, to the millisecond as JavaScript has it, so that a value that was read compares equal when it comes back. */
export const moment = (name: string) => timestamp(name, { withTimezone: true, precision: 3, mode: 'date' });

/** When the row was made, by the clock of Postgres: one clock for all processes. */
export const createdAt = () =>
  moment('created_at')
    .notNull()
    .default(sql`now()`);
export const updatedAt = () =>
  moment('updated_at')
    .notNull()
    .default(sql`now()`);
