import { and, asc, desc, gt, gte, lt, type SQL } from 'drizzle-orm';
import type { PgColumn } from 'drizzle-orm/pg-core';

/** Which part of a list is asked for. Ids sort by the time they were made, so the cursor is the last id that was shown. */
export type PageRequest = {
  limit: number;
  order: 'asc' | 'desc';
  cursor?: string | undefined;
  createdAfter?: Date | undefined;
  createdBefore?: Date | undefined;
};

export type Page<T> = { data: T[]; nextCursor: string | null };

/** The conditions, order and limit of a keyset page; one row more than asked tells whether there is a next page. */
export function pageQuery(page: PageRequest, id: PgColumn, createdAt: PgColumn, filters: (SQL | undefined)[]) {
  const beyond = page.order === 'asc' ? gt : lt;
  return {
    where: and(
      ...filters,
      page.cursor === undefined ? undefined : beyond(id, page.cursor),
      page.createdAfter && gte(createdAt, page.createdAfter),
      page.createdBefore && lt(createdAt, page.createdBefore),
    ),
    orderBy: page.order === 'asc' ? asc(id) : desc(id),
    limit: page.limit + 1,
  };
}

export function pageOf<T extends { id: string }>(rows: T[], limit: number): Page<T> {
  const data = rows.slice(0, limit);
  return { data, nextCursor: rows.length > limit ? (data.at(-1)?.id ?? null) : null };
}
