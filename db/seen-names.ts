import { sql, type SQL } from 'drizzle-orm';
import type { Db } from './open.ts';
import type { seenNames } from './schema/people.ts';

type Name = Pick<typeof seenNames.$inferSelect, 'kind' | 'name'>;

/** A longer name of an attribute is no name that anybody mistypes, and might not fit into an index. */
const LONGEST_NAME = 255;

/** So many near names are looked through for the one that was meant, and for so many that nobody has sent. */
const NEAR_AT_MOST = 5_000;
const LOOKED_FOR_AT_MOST = 20;

/** So many are known as noted; then all are forgotten, and each is looked up once more. */
const KNOWN_AT_MOST = 10_000;

/**
 * Notes names that come from `rows` with the columns `kind` and `name`; known ones cost a look at an index each. Nobody waits for whoever
 * brings the same new one at the same moment: then it stands there twice.
 */
export const noteNames = (rows: SQL): SQL => sql`
  insert into seen_names (kind, name)
  select distinct kind, name from ${rows} as brought
  where length(name) <= ${LONGEST_NAME}
    and not exists (select from seen_names seen where seen.kind = brought.kind and seen.name = brought.name)`;

/**
 * Notes the names of events that were matched, each once in a process: the requests that bring them are spared it. Names are hints, so that
 * it never fails: what could not be noted is noted when it comes again.
 */
export function createEventNames(db: Db): (names: string[]) => Promise<void> {
  const known = new Set<string>();
  return async (names) => {
    const fresh = [...new Set(names)].filter((name) => !known.has(name));
    if (fresh.length === 0) return;
    try {
      await db.execute(noteNames(sql`(select 'event' as kind, unnest(${sql.param(fresh)}::text[]) as name)`));
    } catch {
      return;
    }
    if (known.size + fresh.length > KNOWN_AT_MOST) known.clear();
    for (const name of fresh) known.add(name);
  };
}

/** Those of these names that nobody has sent yet; the first of them with names of about their length that somebody has. */
export async function listUnseen(db: Db, names: Name[]): Promise<(Name & { near: string[] })[]> {
  if (names.length === 0) return [];
  const rows = names.map(({ kind, name }, place) => ({ kind, name, place }));
  return db.execute<Name & { near: string[] }>(sql`
    with unseen as (
      select kind, name, row_number() over (order by place) as turn
      from jsonb_to_recordset(${JSON.stringify(rows)}::jsonb) as row (kind text, name text, place int)
      where length(name) <= ${LONGEST_NAME}
        and not exists (select from seen_names seen where seen.kind = row.kind and seen.name = row.name)
    )
    select kind, name, case when turn > ${LOOKED_FOR_AT_MOST} then '[]' else (
      select coalesce(jsonb_agg(near.name), '[]') from (
        select distinct seen.name from seen_names seen
        where seen.kind = unseen.kind
          and length(seen.name) between length(unseen.name) * 2 / 3 - 1 and length(unseen.name) * 3 / 2 + 1
        order by seen.name limit ${NEAR_AT_MOST}) as near) end as near
    from unseen order by turn`);
}
