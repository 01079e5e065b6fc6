import { sql } from 'drizzle-orm';
import { customType, timestamp } from 'drizzle-orm/pg-core';

/** Any bytes: NUL and invalid UTF-8 included, which neither `text` nor `jsonb` can hold. */
export const bytes = customType<{ data: Buffer; driverData: Buffer }>({ dataType: () => 'bytea' });

/** A moment, to the millisecond as JavaScript has it, so that a value that was read compares equal when it comes back. */
export const moment = (name: string) => timestamp(name, { withTimezone: true, precision: 3, mode: 'date' });

/**
 * When the row was made, by the clock of Postgres: one clock for all processes. It is the statement's time, not the transaction's:
 * what waited for a lock in a statement before comes after what was committed meanwhile.
 */
export const createdAt = () => statementTime('created_at');
export const updatedAt = () => statementTime('updated_at');
export const statementTime = (name: string) =>
  moment(name)
    .notNull()
    .default(sql`statement_timestamp()`);
