import { index, pgTable, text } from 'drizzle-orm/pg-core';
import { bytes, createdAt, moment } from '../columns.ts';

/** What a key may do; each scope includes those before it. */
export const SCOPES = ['ingest', 'operate', 'admin'] as const;
export type Scope = (typeof SCOPES)[number];

/**
 * Keys of the API besides the one of the environment. Only a SHA-256 of each is kept: a key is 256 random bits, which nobody finds
 * by trying, so that a slow hash would cost each request time and gain nothing.
 */
export const apiKeys = pgTable('api_keys', {
  id: text('id').primaryKey(),
  /** What decisions record as `by.key`. */
  name: text('name').notNull().unique(),
  scope: text('scope').$type<Scope>().notNull(),
  digest: bytes('digest').notNull().unique(),
  /** Requests per time and process, such as `100/s`; null: as many as come. */
  rateLimit: text('rate_limit'),
  expiresAt: moment('expires_at'),
  /** To the minute. */
  lastUsedAt: moment('last_used_at'),
  createdAt: createdAt(),
});

/** What was answered to a request that came with an `Idempotency-Key`, for as long as it may be repeated. */
export const idempotency = pgTable(
  'idempotency',
  {
    /** SHA-256 of the API key's id and the header. */
    id: text('id').primaryKey(),
    /** SHA-256 of method, target and body. */
    requestHash: text('request_hash').notNull(),
    /** Sealed and bound to this row, as it may hold a key. */
    answer: bytes('answer').notNull(),
    createdAt: createdAt(),
  },
  (table) => [index('idempotency_age').on(table.createdAt)],
);
