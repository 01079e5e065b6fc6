import { eq, sql } from 'drizzle-orm';
import type { Predicate } from '../domain/condition/predicate.ts';
import { conditionSql } from './condition-sql.ts';
import { leaveItems, leaveRechecks } from './leave-items.ts';
import type { Db } from './open.ts';
import { pageQuery, type Page, type PageRequest } from './page.ts';
import type { PersonRow } from './people.ts';
import { people } from './schema/people.ts';
import { segmentMembers } from './schema/segments.ts';

/** Somebody has come to belong to a segment, or does so no more. */
export type Move = { segment: string; change: 'enter' | 'leave' };

/** A segment as it concerns one person; `filling` where it has still to be gone through for them. */
export type SegmentState = {
  id: string;
  /** Tells one definition from all others, also after the segment was deleted and made again. */
  stamp: string;
  madeAt: Date;
  isMember: boolean;
  filling: 'silent' | 'told' | null;
};

/**
 * All segments, for a person who is held. Since the person is, no page of a sweep is at them: what is not filled for them now will be
 * later, by the definition of then, and what is filled already was filled by the one that is answered.
 */
export async function listSegmentStates(tx: Db, personKey: string): Promise<SegmentState[]> {
  const rows = await tx.execute<Omit<SegmentState, 'madeAt'> & { ms: number; [column: string]: unknown }>(sql`
    select id, version || '/' || extract(epoch from created_at) as stamp, (extract(epoch from created_at) * 1000)::float8 as ms,
      exists (select from segment_members where segment_id = id and person_key = ${personKey}) as "isMember",
      case when subject is null or cursor >= ${personKey} then null when silent then 'silent' else 'told' end as filling
    from segments left join sweeps on type = 'fillSegment' and subject = id
    order by id`);
  return rows.map(({ ms, ...state }) => ({ ...state, madeAt: new Date(ms) }));
}

/**
 * Writes what has changed for a person, who is held. A segment that was deleted meanwhile is left out: its row is held first, or the
 * deletion of its members and this could wait for each other.
 */
export async function writeMoves(tx: Db, personKey: string, moves: Move[]): Promise<void> {
  if (moves.length === 0) return;
  await tx.execute(sql`
    with move as (
      select * from jsonb_to_recordset(${JSON.stringify(moves)}::jsonb) as row (segment text, change text)
    ), held as (
      select id from segments where id in (select segment from move) order by id for key share
    ), gone as (
      delete from segment_members using held, move
      where segment_id = held.id and segment_id = move.segment and person_key = ${personKey} and change = 'leave'
    )
    insert into segment_members (segment_id, person_key)
    select id, ${personKey} from held join move on move.segment = held.id where change = 'enter'
    on conflict do nothing`);
}

/** How a segment's members are brought in line with its condition. */
type Filling = { segment: string; predicate: Predicate; keys: string[]; silent: boolean };

/**
 * Brings the members among these people, who are held, in line with a segment's condition. Each difference is left for the relay. Not so
 * where that is `silent`: then people for whom something waits that may have changed them are left out, and only those whose journeys
 * wait for a condition are looked at again.
 */
export async function fillMembers(tx: Db, { segment, predicate, keys, silent }: Filling): Promise<void> {
  const moved = await tx.execute<{ key: string; change: Move['change']; waits: boolean }>(sql`
    with judged as materialized (
      select key, ${conditionSql(predicate)} as holds from people
      where key = any(${sql.param(keys)}::text[]) and not (${silent}::boolean and ${isChanging()})
    ), gone as (
      delete from segment_members using judged
      where segment_id = ${segment} and person_key = judged.key and not holds
      returning person_key
    ), come as (
      insert into segment_members (segment_id, person_key) select ${segment}, key from judged where holds
      on conflict do nothing
      returning person_key
    ), moved as (
      select person_key as key, 'leave' as change from gone union all select person_key, 'enter' from come
    )
    select key, change, exists (
      select from waits where waits.person_key = moved.key and outcome is null and kind = 'condition') as waits
    from moved`);
  if (silent) {
    const waiting = moved.filter(({ waits }) => waits).map(({ key }) => key);
    return leaveRechecks(tx, waiting);
  }
  for (const change of ['enter', 'leave'] as const) {
    const own = moved.filter((move) => move.change === change).map(({ key }) => key);
    await leaveItems(tx, own, { type: 'segment', subject: `${segment}/${change}` });
  }
}

/** Those of these people for whom something waits that may have changed them, and the first of it. */
export async function listChanging(tx: Db, held: PersonRow[]): Promise<{ person: PersonRow; number: number }[]> {
  const rows = await tx.execute<{ key: string; number: number }>(sql`
    select key, (select min(number)::float8 from inbox where person_key = key) as number
    from people where key = any(${sql.param(held.map(({ key }) => key))}::text[]) and ${isChanging()}`);
  const numbers = new Map(rows.map(({ key, number }) => [key, number]));
  return held.flatMap((person) => {
    const number = numbers.get(person.key);
    return number === undefined ? [] : [{ person, number }];
  });
}

const isChanging = () =>
  sql`exists (select from inbox where inbox.person_key = people.key and inbox.type in ('event', 'change'))`;

/** So many people are looked through in one query. */
const SCANNED_AT_ONCE = 10_000;
const FOUND_AT_ONCE = 500;

/** Where a stretch of people behind a key ends; null: with everybody. */
export async function stretchBehind(tx: Db, after: string | null): Promise<string | null> {
  const [row] = await tx.execute<{ key: string }>(sql`
    select key from people where key > ${after ?? ''} order by key offset ${SCANNED_AT_ONCE} - 1 limit 1`);
  return row?.key ?? null;
}

/**
 * People of a stretch for whom the condition of a segment does not come to what is kept, and where the search goes on. Who has just
 * changed is judged for that first.
 */
export async function listDiffering(
  tx: Db,
  {
    segment,
    predicate,
    after,
    upTo,
  }: { segment: string; predicate: Predicate; after: string | null; upTo: string | null },
): Promise<{ keys: string[]; last: string | null }> {
  const rows = await tx.execute<{ key: string }>(sql`
    select key from people
    where key > ${after ?? ''} and (${upTo}::text is null or key <= ${upTo}::text)
      and ${conditionSql(predicate)} <> exists (
        select from segment_members where segment_id = ${segment} and segment_members.person_key = people.key)
      and not ${isChanging()}
    order by key limit ${FOUND_AT_ONCE}`);
  const keys = rows.map(({ key }) => key);
  return { keys, last: keys.length < FOUND_AT_ONCE ? upTo : (keys.at(-1) ?? null) };
}

/** The next people behind a key whose journeys wait for a condition that time may fulfil. */
export async function listTimedWaiters(tx: Db, after: string | null): Promise<{ keys: string[]; last: string | null }> {
  const rows = await tx.execute<{ key: string }>(sql`
    select distinct person_key as key from waits
    where outcome is null and timed and person_key > ${after ?? ''} order by person_key limit ${FOUND_AT_ONCE}`);
  const keys = rows.map(({ key }) => key);
  return { keys, last: keys.length < FOUND_AT_ONCE ? null : (keys.at(-1) ?? null) };
}

export type Member = { key: string; person: string; since: Date };

/** A page of the people who belong to a segment, in the order in which they became known. */
export async function listMembers(db: Db, segment: string, page: PageRequest): Promise<Page<Member>> {
  const { segmentId, personKey, since } = segmentMembers;
  const query = pageQuery(page, personKey, since, [], { within: { column: segmentId, value: segment } });
  const rows = await db
    .select({ key: personKey, person: people.id, since })
    .from(segmentMembers)
    .innerJoin(people, eq(people.key, personKey))
    .where(query.where)
    .orderBy(query.orderBy)
    .limit(query.limit);
  const data = rows.slice(0, page.limit);
  return { data, nextCursor: rows.length > page.limit ? (data.at(-1)?.key ?? null) : null };
}
