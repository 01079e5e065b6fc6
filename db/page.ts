import { and, asc, desc, gte, lt, lte, sql, type SQL } from 'drizzle-orm';
import type { PgColumn } from 'drizzle-orm/pg-core';
import type { IdPrefix } from './id.ts';

/** Which part of a list is asked for. Ids sort by the time they were made, so the cursor is the last id that was shown. */
export type PageRequest = {
  limit: number;
  order: 'asc' | 'desc';
  cursor?: string | undefined;
  createdAfter?: Date | undefined;
  createdBefore?: Date | undefined;
};

export type Page<T> = { data: T[]; nextCursor: string | null };

/**
 * How a long list is read: `prefix` is that of its ids, whose time bounds what is read for `createdAfter` and `createdBefore`;
 * `within` is a filter that has an index (column, id) of its own.
 */
type PageIndex = { prefix?: IdPrefix; within?: { column: PgColumn; value: unknown } | undefined };

/** The conditions, order and limit of a keyset page; one row more than asked tells whether there is a next page. */
export function pageQuery(
  page: PageRequest,
  id: PgColumn,
  createdAt: PgColumn,
  filters: (SQL | undefined)[],
  { prefix, within }: PageIndex = {},
) {
  const { cursor, createdAfter, createdBefore } = page;
  const compare = (operator: SQL, other: string) =>
    within ? sql`(${within.column}, ${id}) ${operator} (${within.value}, ${other})` : sql`${id} ${operator} ${other}`;
  const ordered = page.order === 'asc' ? asc : desc;
  return {
    where: and(
      ...filters,
      // A range, and an order to match: after an equality Postgres may walk along all ids, in the hope of matches.
      within && and(gte(within.column, within.value), lte(within.column, within.value)),
      cursor === undefined ? undefined : compare(page.order === 'asc' ? sql`>` : sql`<`, cursor),
      createdAfter && gte(createdAt, createdAfter),
      createdAfter && prefix && compare(sql`>=`, idAround(prefix, createdAfter, -CLOCKS_DIFFER_MS)),
      createdBefore && lt(createdAt, createdBefore),
      createdBefore && prefix && compare(sql`<=`, idAround(prefix, createdBefore, CLOCKS_DIFFER_MS)),
    ),
    orderBy: within ? sql`${ordered(within.column)}, ${ordered(id)}` : ordered(id),
    limit: page.limit + 1,
  };
}

/** Ids have the time of the process that made them, rows that of Postgres: never this far apart. */
const CLOCKS_DIFFER_MS = 86_400_000;

/** Sorts behind each id of a row that Postgres says was made before a moment, though not before each one that was made later. */
export const idBehind = (prefix: IdPrefix, time: Date): string => idAround(prefix, time, CLOCKS_DIFFER_MS);

/** The beginning of the ids that were made at a time: the first 48 bits of a UUIDv7 are its milliseconds. */
export function idAround(prefix: IdPrefix, time: Date, distanceMs: number): string {
  const hex = Math.max(0, time.getTime() + distanceMs)
    .toString(16)
    .padStart(12, '0');
  return `${prefix}_${hex.slice(0, 8)}-${hex.slice(8)}`;
}

export function pageOf<T extends { id: string }>(rows: T[], limit: number): Page<T> {
  const data = rows.slice(0, limit);
  return { data, nextCursor: rows.length > limit ? (data.at(-1)?.id ?? null) : null };
}
