import { and, asc, eq, isNull, ne, sql, type SQL } from 'drizzle-orm';
import type { Predicate } from '../domain/condition/predicate.ts';
import type { ZoneSpellings } from '../domain/time/zones-in-use.ts';
import { conditionSql } from './condition-sql.ts';
import type { BroadcastRow } from './inbox.ts';
import type { Db } from './open.ts';
import type { PersonRow } from './people.ts';
import { broadcasts, campaigns, dueEntries, type BroadcastState } from './schema/campaigns.ts';
import { people } from './schema/people.ts';
import { hasZoneSql } from './zones.ts';

/** A page looks no further than this, so that it takes no long time where a condition holds for few. */
const LOOKED_AT_ONCE = 5_000;

/**
 * Holds a broadcast until the transaction ends: its pages are worked off one after another. Whether its campaign was stopped since it
 * began is a glance, without a lock.
 */
export async function lockBroadcast(
  tx: Db,
  id: string,
): Promise<{ broadcast: BroadcastRow; isOver: boolean } | undefined> {
  const [row] = await tx
    .select({ broadcast: broadcasts, isOver: IS_OVER })
    .from(broadcasts)
    .innerJoin(campaigns, eq(campaigns.id, broadcasts.campaignId))
    .where(eq(broadcasts.id, id))
    .for('no key update', { of: broadcasts });
  return row;
}

/** Whether the campaign of a broadcast was stopped since it was made. */
export const IS_OVER = sql<boolean>`
  (${campaigns.state} in ('new', 'stopped') or coalesce(${campaigns.stoppedAt} >= ${broadcasts.createdAt}, false))`;

/**
 * Whether an earlier broadcast of the campaign has still to take back who has not begun: until then they count as inside, and would be
 * turned away here.
 */
export async function isBehindStopped(tx: Db, { id, campaignId }: BroadcastRow): Promise<boolean> {
  const [row] = await tx
    .select({ id: broadcasts.id })
    .from(broadcasts)
    .innerJoin(campaigns, eq(campaigns.id, broadcasts.campaignId))
    .where(
      and(
        eq(broadcasts.campaignId, campaignId),
        ne(broadcasts.id, id),
        isNull(broadcasts.endedAt),
        sql`(${broadcasts.state} = 'stopped' or ${IS_OVER})`,
      ),
    )
    .limit(1);
  return row !== undefined;
}

/** Whom a broadcast means. */
export type Audience = { predicates: Predicate[]; zone: ZoneSpellings | null };

type NextPeople = { keys: string[]; cursor: string | null; isLast: boolean };

/** The next people of an audience in the order of their keys, as they are found without a lock, and where the page after them begins. */
export async function findNextPeople(
  tx: Db,
  { cursor, createdAt }: BroadcastRow,
  audience: Audience,
  limit: number,
): Promise<NextPeople> {
  const start = cursor ?? '';
  const [range] = await tx.execute<{ last: string | null; looked: number }>(sql`
    select max(key) as last, count(*)::int as looked
    from (select key from people where key > ${start} order by key limit ${LOOKED_AT_ONCE}) as range`);
  if (!range || range.last === null) return { keys: [], cursor, isLast: true };
  const rows = await tx.execute<{ key: string }>(sql`
    select key from people
    where key > ${start} and key <= ${range.last} and created_at <= ${createdAt.toISOString()}::timestamptz
      and ${audienceSql(audience)}
    order by key limit ${limit}`);
  const keys = rows.map(({ key }) => key);
  const isFull = keys.length === limit;
  return {
    keys,
    cursor: isFull ? (keys.at(-1) ?? range.last) : range.last,
    isLast: !isFull && range.looked < LOOKED_AT_ONCE,
  };
}

/** Holds these people, in the order of their ids, as far as they still belong to the audience. */
export async function lockPeople(tx: Db, keys: string[], audience: Audience): Promise<PersonRow[]> {
  if (keys.length === 0) return [];
  return tx
    .select()
    .from(people)
    .where(sql`${people.key} = any(${sql.param(keys)}::text[]) and ${audienceSql(audience)}`)
    .orderBy(asc(people.id))
    .for('no key update');
}

function audienceSql({ predicates, zone }: Audience): SQL {
  const parts = [...predicates.map((predicate) => conditionSql(predicate)), ...(zone ? [inZoneSql(zone)] : [])];
  return parts.length === 0 ? sql`true` : sql`(${sql.join(parts, sql` and `)})`;
}

const inZoneSql = ({ own, valid }: ZoneSpellings): SQL =>
  valid === null ? hasZoneSql(own) : sql`(${hasZoneSql(own)} or not ${hasZoneSql(valid)})`;

/** Notes what a page did, in the transaction that did it. */
export async function advance(
  tx: Db,
  id: string,
  page: { cursor: string | null; selected: number; isLast: boolean },
): Promise<void> {
  await tx
    .update(broadcasts)
    .set({
      cursor: page.cursor,
      selected: sql`${broadcasts.selected} + ${page.selected}::int`,
      ...(page.isLast && { selectedAt: sql`statement_timestamp()` }),
    })
    .where(eq(broadcasts.id, id));
}

/** Nothing is left to be done for a broadcast to an audience. That may name people, so it is not kept; nor is its data where none of them is left. */
export async function endBroadcast(tx: Db, id: string, state: BroadcastState): Promise<void> {
  await tx
    .update(broadcasts)
    .set({
      state,
      endedAt: sql`statement_timestamp()`,
      audience: 'everybody',
      data: sql`case when exists (select from outcomes where broadcast_id = ${id}) then data else '{}' end`,
    })
    .where(eq(broadcasts.id, id));
}

/** Whether a start of a broadcast's journey is left, also one that Temporal refuses. */
export async function hasStarts(tx: Db, id: string): Promise<boolean> {
  const rows = await tx.execute(sql`select from commands where broadcast_id = ${id} limit 1`);
  return rows.length > 0;
}

/** How many journeys of a broadcast have still to begin, at most so many; those that Temporal refuses do not count. */
export async function countUnstarted(tx: Db, id: string, most: number): Promise<number> {
  const [row] = await tx.execute<{ count: number }>(sql`
    select count(*)::int from (
      select from commands where broadcast_id = ${id} and tries = 0 limit ${most}) as unstarted`);
  return row?.count ?? 0;
}

/** Leaves for each of these people when they enter, once per occurrence. */
export async function insertDueEntries(
  tx: Db,
  { id, campaignId, occurrence }: BroadcastRow,
  due: { key: string; dueAt: Date }[],
): Promise<void> {
  if (due.length === 0) return;
  await tx
    .insert(dueEntries)
    .values(
      due.map(({ key, dueAt }) => ({
        campaignId,
        personKey: key,
        occurrence: occurrence ?? '',
        broadcastId: id,
        dueAt,
      })),
    )
    .onConflictDoNothing();
}

/** Who is to enter by a broadcast now, longest due first. */
export async function listDuePeople(tx: Db, id: string, now: Date, limit: number): Promise<string[]> {
  const rows = await tx.execute<{ key: string }>(sql`
    select person_key as key from due_entries
    where broadcast_id = ${id} and fired_at is null and due_at <= ${now.toISOString()}::timestamptz
    order by due_at limit ${limit}`);
  return rows.map(({ key }) => key);
}

export async function markFired(tx: Db, id: string, keys: string[], now: Date): Promise<void> {
  await tx.execute(sql`
    update due_entries set fired_at = ${now.toISOString()}::timestamptz
    where broadcast_id = ${id} and person_key = any(${sql.param(keys)}::text[])`);
}

/** When the next people are to enter by a broadcast; null where nobody is left. */
export async function nextDueAt(tx: Db, id: string): Promise<Date | null> {
  const [row] = await tx.execute<{ ms: number | null }>(sql`
    select extract(epoch from min(due_at))::float8 * 1000 as ms
    from due_entries where broadcast_id = ${id} and fired_at is null`);
  return row && row.ms !== null ? new Date(row.ms) : null;
}
