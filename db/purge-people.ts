import { sql, type SQL } from 'drizzle-orm';
import type { Db } from './open.ts';
import { idBehind } from './page.ts';
import { purgeJourneys } from './purge-journeys.ts';
import { iso, ROWS_AT_ONCE, SETTLED, TREES_AT_ONCE, type Ages } from './retention.ts';

const LOOKED_AT_ONCE = 500;
const PEOPLE_AT_ONCE = 50;

/**
 * Deletes what is old of the next people behind the cursor: of each kind a few rows, and stays there while more is left. Who has
 * nothing old is not touched, who is held by somebody else is left for the next pass. Answers where the next page begins; null
 * behind the last one.
 */
export async function purgePeople(tx: Db, cursor: string | null, ages: Ages): Promise<string | null> {
  const page = sql`(select key from people where key > ${cursor ?? ''} order by key limit ${LOOKED_AT_ONCE}) as page`;
  const [[looked], found] = await Promise.all([
    tx.execute<{ last: string | null; count: number }>(
      sql`select max(key) as last, count(*)::int as count from ${page}`,
    ),
    tx.execute<{ key: string }>(sql`
      select key from ${page} where ${hasOld(ages)} order by key limit ${PEOPLE_AT_ONCE}`),
  ]);
  const keys = await holdPeople(
    tx,
    found.map(({ key }) => key),
  );
  if (keys.length > 0 && (await deleteOld(tx, keys, ages)) === 'more') return cursor ?? '';
  if (found.length === PEOPLE_AT_ONCE) return found.at(-1)?.key ?? null;
  return looked?.count === LOOKED_AT_ONCE ? looked.last : null;
}

/** Whether something of `page.key` may be old enough. Each kind is looked up at the beginning of an index. */
function hasOld({ before, eventsBefore }: Ages): SQL {
  const parts = [
    ...(before === null
      ? []
      : [
          isThere(sql`
            from journeys where person_key = page.key and id < ${idBehind('jrn', before)} and ended_at < ${iso(before)}`),
          isThere(sql`
            from deliveries
            where person_key = page.key and id < ${idBehind('dlv', before)} and updated_at < ${iso(before)} and ${SETTLED}
              and (journey_id is null or frozen is not null or request is not null)`),
          sql`(select at from outcomes where person_key = page.key order by at limit 1) < ${iso(before)}`,
          sql`(select at from attribute_changes where person_key = page.key order by at limit 1) < ${iso(before)}`,
          isThere(sql`from due_entries where person_key = page.key and fired_at < ${iso(before)}`),
        ]),
    ...(eventsBefore === null
      ? []
      : [
          sql`(select received_at from events where person_key = page.key order by received_at limit 1) < ${iso(eventsBefore)}`,
        ]),
  ];
  return sql.join(parts, sql` or `);
}

/** For `exists` Postgres may read a whole table first, for each page anew; this it looks up person by person. */
const isThere = (from: SQL) => sql`((select true ${from} limit 1) is not null)`;

/** Against whoever stores something for them, or begins a resend: what is found to be over stays so until the transaction ends. */
async function holdPeople(tx: Db, keys: string[]): Promise<string[]> {
  if (keys.length === 0) return [];
  const rows = await tx.execute<{ key: string }>(sql`
    select key from people where key = any(${sql.param(keys)}::text[]) order by key for update skip locked`);
  return rows.map(({ key }) => key);
}

/** Journeys first: an outcome stays as long as the journey that it led to, and an event too. Answers whether more may be left. */
async function deleteOld(tx: Db, keys: string[], { before, eventsBefore }: Ages): Promise<'more' | 'all'> {
  const owners = sql`any(${sql.param(keys)}::text[])`;
  const full: boolean[] = [];
  if (before !== null) {
    full.push((await purgeJourneys(tx, owners, before)).length === TREES_AT_ONCE);
    full.push((await deleteSends(tx, owners, before)).length === TREES_AT_ONCE);
    full.push((await stripDeliveries(tx, owners, before)).length === TREES_AT_ONCE);
    full.push((await deleteOutcomes(tx, owners, before)).length === ROWS_AT_ONCE);
    full.push((await deleteChanges(tx, owners, before)).length === ROWS_AT_ONCE);
    full.push((await deleteFired(tx, owners, before)).length === ROWS_AT_ONCE);
  }
  if (eventsBefore !== null) full.push((await deleteEvents(tx, owners, eventsBefore)).length === ROWS_AT_ONCE);
  return full.includes(true) ? 'more' : 'all';
}

const oldDeliveries = (owners: SQL, before: Date) => sql`
  select id from deliveries d
  where person_key = ${owners} and id < ${idBehind('dlv', before)} and updated_at < ${iso(before)} and ${SETTLED}
    and not exists (select from resends where delivery_id = d.id and ended_at is null)`;

/** Deliveries without a journey, with their attempts. */
const deleteSends = (tx: Db, owners: SQL, before: Date) =>
  tx.execute(sql`
    delete from deliveries where id = any(array(
      ${oldDeliveries(owners, before)} and journey_id is null order by id limit ${TREES_AT_ONCE}))
    returning 1`);

/** What was sent and answered of deliveries whose journey goes on: it keeps their state, and the parts of answers that it may need. */
const stripDeliveries = (tx: Db, owners: SQL, before: Date) =>
  tx.execute(sql`
    with old as materialized (
      ${oldDeliveries(owners, before)} and journey_id is not null
        and (frozen is not null or request is not null or exists (select from attempts where delivery_id = d.id))
      order by id limit ${TREES_AT_ONCE}
    ), attempt as (
      delete from attempts where delivery_id = any(array(select id from old))
    ), resend as (
      delete from resends where delivery_id = any(array(select id from old))
    )
    update deliveries set frozen = null, request = null, edited = null where id = any(array(select id from old))
    returning 1`);

/** What campaigns made of what happened, unless it is why a journey is there. Their figures count it further on. */
const deleteOutcomes = (tx: Db, owners: SQL, before: Date) =>
  tx.execute(sql`
    with gone as (
      delete from outcomes where ctid = any(array(
        select o.ctid from outcomes o
        where person_key = ${owners} and at < ${iso(before)} and not exists (select from journeys where id = o.journey_id)
        limit ${ROWS_AT_ONCE}))
      returning campaign_id, outcome
    ), total as (
      insert into campaign_totals as total (campaign_id, kind, name, state, count)
      select campaign_id, 'outcome', outcome, '', count(*) from gone group by campaign_id, outcome order by 1, 3
      on conflict (campaign_id, kind, name, state) do update set count = total.count + excluded.count
    )
    select 1 from gone`);

const isMatched = (row: SQL) => sql`
  not exists (select from inbox i where i.person_key = ${row}.person_key and i.number = ${row}.number)`;

const deleteChanges = (tx: Db, owners: SQL, before: Date) =>
  tx.execute(sql`
    delete from attribute_changes where ctid = any(array(
      select c.ctid from attribute_changes c
      where person_key = ${owners} and at < ${iso(before)} and ${isMatched(sql`c`)} limit ${ROWS_AT_ONCE}))
    returning 1`);

const deleteFired = (tx: Db, owners: SQL, before: Date) =>
  tx.execute(sql`
    delete from due_entries where ctid = any(array(
      select ctid from due_entries where person_key = ${owners} and fired_at < ${iso(before)} limit ${ROWS_AT_ONCE}))
    returning 1`);

/**
 * Not what waits for the relay, not what a journey began with or waited for, and nothing since the beginning of a journey that goes
 * on: its waits may look back so far.
 */
const deleteEvents = (tx: Db, owners: SQL, before: Date) =>
  tx.execute(sql`
    delete from events where id = any(array(
      select e.id from events e
      where person_key = ${owners} and received_at < ${iso(before)} and timestamp < ${iso(before)} and ${isMatched(sql`e`)}
        and not exists (
          select from journeys j where j.person_key = e.person_key and j.ended_at is null and j.entry_position <= e.number)
        and not exists (select from journeys where event_id = e.id)
        and not exists (select from waits where event_id = e.id)
      limit ${ROWS_AT_ONCE}))
    returning 1`);
