import { sql, type SQL } from 'drizzle-orm';
import type { Db } from './open.ts';
import type { seenNames } from './schema/people.ts';

export type SeenKind = (typeof seenNames.$inferSelect)['kind'];

/** A longer name of an attribute is no name that anybody mistypes, and might not fit into an index. */
const LONGEST = 255;

/** So many near names are looked through for the one that was meant. */
const NEAR_AT_MOST = 5_000;

/**
 * Notes names that come from `rows` with a column `name`; known ones cost a look at an index each. In the order of names, so that two
 * who bring the same new ones do not wait for each other.
 */
export const noteNames = (kind: SeenKind, rows: SQL): SQL => sql`
  insert into seen_names (kind, name)
  select distinct ${kind}, name from ${rows} where length(name) <= ${LONGEST} order by name
  on conflict do nothing`;

/** Those of these names that nobody has sent yet, each with names of about its length that somebody has. */
export async function listUnseen(db: Db, kind: SeenKind, names: string[]): Promise<{ name: string; near: string[] }[]> {
  const unseen = await db.execute<{ name: string }>(sql`
    select name from unnest(${sql.param(names)}::text[]) as wanted (name)
    where length(name) <= ${LONGEST} and not exists (select from seen_names seen where seen.kind = ${kind} and seen.name = wanted.name)`);
  return Promise.all(unseen.map(async ({ name }) => ({ name, near: await listNear(db, kind, name) })));
}

async function listNear(db: Db, kind: SeenKind, name: string): Promise<string[]> {
  const rows = await db.execute<{ name: string }>(sql`
    select name from seen_names
    where kind = ${kind} and length(name) between length(${name}) * 2 / 3 - 1 and length(${name}) * 3 / 2 + 1
    order by name limit ${NEAR_AT_MOST}`);
  return rows.map((row) => row.name);
}
