import { sql, type SQL } from 'drizzle-orm';
import { placeAt } from './id.ts';
import type { Db } from './open.ts';
import type { Command, StuckBy } from './schema/journeys.ts';

/** A journey on one run of its workflow: what is found out about a run says nothing about the next one. */
export type JourneyRun = { id: string; run: number };

export type LookOver = {
  now: Date;
  /** What should have moved before then is asked about. */
  overdueBefore: Date;
  /** So is what has not moved at all since then. */
  idleBefore: Date;
  /** What was asked about since then is not yet asked about again. */
  askedBefore: Date;
  limit: number;
};

const workflowOf = (journey: SQL) => sql`'journey/' || ${journey}.id || '/' || ${journey}.run`;
export const at = (moment: Date) => sql`${moment.toISOString()}::timestamptz`;

const mayBeAsked = (askedBefore: Date) => sql`
  ended_at is null and (checked_at is null or checked_at <= ${at(askedBefore)})
  and not exists (
    select 1 from commands
    where workflow_id = ${workflowOf(sql`j`)} and (error is null or command->>'type' = 'startJourney'))`;

/** How many of those that go on are looked through at a time for idle ones. */
const SPAN = 2_000;

const spanBehind = (id: string) => sql`
  select id, checked_at, updated_at from journeys where ended_at is null and id > ${id} order by id limit ${SPAN}`;
const idleIn = (behind: string, idleBefore: Date) => sql`
  select id from (${spanBehind(behind)}) as span where greatest(checked_at, updated_at) < ${at(idleBefore)}`;

/** A place between the first and the last journey that goes on, by when they began, so far (0 to 1) from the first. */
export async function placeBetween(db: Db, share: number): Promise<string> {
  const end = (order: SQL) =>
    sql`(select extract(epoch from created_at) * 1000 from journeys where ended_at is null order by id ${order} limit 1)`;
  const [row] = await db.execute<{ first: number | null; last: number | null }>(sql`
    select floor(${end(sql`asc`)})::float8 as first, floor(${end(sql`desc`)})::float8 as last`);
  const { first, last } = row ?? {};
  return typeof first === 'number' && typeof last === 'number'
    ? placeAt('jrn', Math.floor(first + (last - first) * share))
    : '';
}

/** Whether an idle journey of a span has still to be asked about. */
export async function hasIdle(
  db: Db,
  { idleBehind, ...look }: Pick<LookOver, 'idleBefore' | 'askedBefore'> & { idleBehind: string },
): Promise<boolean> {
  const [row] = await db.execute(sql`
    select from journeys as j
    where id = any(array(${idleIn(idleBehind, look.idleBefore)})) and ${mayBeAsked(look.askedBefore)} limit 1`);
  return row !== undefined;
}

/** The last journey of the span behind another; empty where no more follow. */
export async function endOfSpan(db: Db, behind: string): Promise<string> {
  const [span] = await db.execute<{ last: string | null; count: number }>(sql`
    select max(id) as last, count(*)::int as count from (${spanBehind(behind)}) as span`);
  return span?.count === SPAN ? (span.last ?? '') : '';
}

/**
 * Takes journeys whose workflow may be gone, those that nobody has asked about first, and each for one relay: overdue ones, those that
 * cannot be woken, those that were found closed, and in the span behind a journey those that are idle. Who has still to be told to start
 * is none of them, refused or not. Each part has an index of its own: of all that sleep until a time only what is overdue is read, and
 * the span; those without a time of their own, which begin, send or wait without an end, are all read.
 */
export async function claimSuspects(
  db: Db,
  { now, overdueBefore, idleBefore, askedBefore, limit, idleBehind }: LookOver & { idleBehind: string },
): Promise<JourneyRun[]> {
  const rows = await db.execute<JourneyRun>(sql`
    update journeys set checked_at = ${at(now)}
    where id in (
      select id from journeys as j
      where id = any(array(
          select id from journeys where ended_at is null and stuck_since is not null and stuck_by = 'closed'
          union all
          select split_part(workflow_id, '/', 2) from commands where error is not null and workflow_id like 'journey/%'
          union all
          select id from journeys
          where ended_at is null and step_until < ${at(overdueBefore)} and state not in ('starting', 'sending')
          union all
          select id from journeys as j
          where ended_at is null and step_until is null and state in ('starting', 'sending') and ${SHOULD_HAVE_MOVED} < ${at(overdueBefore)}
          union all
          ${idleIn(idleBehind, idleBefore)}))
        and ${mayBeAsked(askedBefore)}
      order by checked_at nulls first, updated_at limit ${limit} for no key update skip locked)
    returning id, run`);
  return rows.map(({ id, run }) => ({ id, run }));
}

/**
 * Has journeys started that were begun, or last asked about, before Temporal's namespace was there, those that are due first: on the
 * run that they have, so that Temporal takes none that it has already. Who has still to be told something is none of them: who cannot
 * be told it is found by that. Nor is one whose workflow was ended on purpose. Answers how many.
 */
export async function startUnseen(db: Db, { now, limit }: Pick<LookOver, 'now' | 'limit'>): Promise<number> {
  const rows = await db.execute(sql`
    with unseen as (
      update journeys set checked_at = ${at(now)}
      where id in (
        select id from journeys as j
        where ended_at is null and coalesce(checked_at, created_at) < (select seen_since from namespaces)
          and stuck_by is distinct from 'closed'
          and not exists (select 1 from commands where workflow_id = ${workflowOf(sql`j`)})
        order by step_until nulls last limit ${limit} for no key update skip locked)
      returning id, run
    )
    insert into commands (workflow_id, command, lane)
    select 'journey/' || id || '/' || run, jsonb_build_object('type', 'startJourney', 'journey', id), 1 from unseen
    returning id`);
  return rows.length;
}

/**
 * When a journey that begins or sends should have moved on by itself; null where its campaign is paused. In line it is told to come for
 * 24 hours.
 */
const SHOULD_HAVE_MOVED = sql`
  case
    when state = 'starting' then updated_at
    when exists (
      select from paused_deliveries join deliveries on deliveries.id = delivery_id
      where journey_id = j.id and step_id = j.step_id) then null
    else coalesce(
      (select since + interval '24 h' from parked
        where delivery_id = (select id from deliveries where journey_id = j.id and step_id = j.step_id)),
      (select next_attempt_at from deliveries where journey_id = j.id and step_id = j.step_id), updated_at)
  end`;

/** Of these, the runs that are current ones of journeys that go on, and are not known to be closed. */
export async function withoutEnded(db: Db, runs: JourneyRun[]): Promise<JourneyRun[]> {
  const rows = await db.execute<JourneyRun>(sql`
    select id, run from journeys
    where id = any(${sql.param(runs.map(({ id }) => id))}::text[]) and ended_at is null and stuck_by is distinct from 'closed'`);
  const current = new Map(rows.map(({ id, run }) => [id, run]));
  return runs.filter(({ id, run }) => current.get(id) === run);
}

/** Marks what is stuck, in the order of ids; a mark of another kind stays, unless its workflow is closed. Answers how many had no mark. */
export async function markStuck(db: Db, by: StuckBy, found: (JourneyRun & { reason: string })[]): Promise<number> {
  if (found.length === 0) return 0;
  const rows = await db.execute<{ fresh: boolean }>(sql`
    with found as (
      select j.id, stuck_since is null as fresh, f.reason
      from journeys j join jsonb_to_recordset(${JSON.stringify(found)}::jsonb) as f (id text, run int, reason text)
        on f.id = j.id and f.run = j.run
      where ended_at is null and (stuck_by is null or stuck_by = ${by}::text or ${by === 'closed'})
        and (stuck_by is null or stuck_reason <> f.reason)
      order by j.id for no key update of j
    )
    update journeys j set stuck_since = coalesce(stuck_since, clock_timestamp()), stuck_by = ${by}, stuck_reason = found.reason
    from found where j.id = found.id
    returning found.fresh`);
  return rows.filter(({ fresh }) => fresh).length;
}

const UNMARKED = sql`stuck_since = null, stuck_by = null, stuck_reason = null`;

/** Takes the mark from a journey whose workflow is there after all, as after a reset in Temporal. */
export async function unmarkClosed(db: Db, { id, run }: JourneyRun): Promise<void> {
  await db.execute(sql`update journeys set ${UNMARKED} where id = ${id} and run = ${run} and stuck_by = 'closed'`);
}

/** Takes the mark of failing tasks from all journeys but these. */
export async function unmarkTasksBut(db: Db, ids: string[]): Promise<void> {
  await db.execute(sql`
    update journeys set ${UNMARKED}
    where ended_at is null and stuck_since is not null and stuck_by = 'tasks' and id <> all(${sql.param(ids)}::text[])`);
}

/** Takes the mark from journeys of which Temporal refuses nothing any more. */
export async function unmarkUnrefused(db: Db): Promise<void> {
  await db.execute(sql`
    update journeys as j set ${UNMARKED}
    where ended_at is null and stuck_since is not null and stuck_by = 'command'
      and not exists (select 1 from commands where workflow_id = ${workflowOf(sql`j`)} and error is not null)`);
}

export type RefusedCommand = JourneyRun & { type: Command['type']; error: string };

/** What Temporal refuses to be told of journeys, oldest first; not a wake of a workflow that is gone, which the next look starts again. */
export async function listRefused(db: Db, limit: number): Promise<RefusedCommand[]> {
  const rows = await db.execute<RefusedCommand>(sql`
    select j.id, j.run, command->>'type' as type, error
    from commands join journeys j on j.id = split_part(workflow_id, '/', 2) and workflow_id = ${workflowOf(sql`j`)}
    where error is not null and workflow_id like 'journey/%' and ended_at is null
      and not (command->>'type' = 'wake' and error like 'WorkflowNotFoundError%')
    order by commands.id limit ${limit}`);
  return rows.map(({ id, run, type, error }) => ({ id, run, type, error }));
}

/**
 * Has a journey whose workflow is gone started again, at its step, under the next run: once, however many find it gone. Not one that
 * was found closed before: there the workflow was ended on purpose, and Temporal has only forgotten it. Answers whether it did.
 */
export async function restartJourney(db: Db, { id, run }: JourneyRun): Promise<boolean> {
  const rows = await db.execute(sql`
    with restarted as (
      update journeys as j set run = run + 1, ${UNMARKED}, updated_at = clock_timestamp()
      where id = ${id} and run = ${run} and ended_at is null and stuck_by is distinct from 'closed'
        and not exists (
          select 1 from commands where workflow_id = ${workflowOf(sql`j`)} and command->>'type' = 'startJourney')
      returning id, run
    ), line as (
      insert into journey_log (journey_id, step, what, details)
      select id, '', 'restarted', jsonb_build_object('run', run) from restarted
      on conflict (journey_id, step, what, revision) do update set details = excluded.details, at = excluded.at
    ), obsolete as (
      delete from commands where workflow_id in (select 'journey/' || id || '/' || (run - 1) from restarted)
    )
    insert into commands (workflow_id, command)
    select 'journey/' || id || '/' || run, jsonb_build_object('type', 'startJourney', 'journey', id) from restarted
    returning id`);
  return rows.length > 0;
}

/**
 * Has the workflow of a journey woken for what has come at a step, or, where that is null, at the one at which its row stands: a wait that
 * has ended, or whose time is over, or a delivery that nothing holds back. A wake-up that it has heard before does nothing. Answers whether it is to be
 * woken; not who has still to be told something.
 */
export async function wakeJourney(db: Db, { id, run }: JourneyRun, step: string | null): Promise<boolean> {
  const rows = await db.execute(sql`
    insert into commands (workflow_id, command)
    select ${workflowOf(sql`j`)}, jsonb_build_object('type', 'wake', 'subject', subject)
    from journeys as j join (
      select journey_id, step_id, 'wait/' || step_id as subject from waits
      where journey_id = ${id} and (outcome is not null or deadline < clock_timestamp())
      union all
      select journey_id, step_id, id from deliveries
      where journey_id = ${id} and state <> 'drafted' and ${MAY_GO} and ${isInNoLine(sql`deliveries.id`)}
    ) as come on journey_id = j.id
    where j.id = ${id} and run = ${run} and ended_at is null and come.step_id = coalesce(${step}::text, j.step_id)
      and not exists (select from commands where workflow_id = ${workflowOf(sql`j`)})
    returning id`);
  return rows.length > 0;
}

/** Whose retry is still to come is waited for. */
export const MAY_GO = sql`coalesce(next_attempt_at <= clock_timestamp(), true)`;

/** Who stands in a line is told to come when it is their turn. */
export const isInNoLine = (delivery: SQL) => sql`
  not exists (select from parked where delivery_id = ${delivery})
  and not exists (select from paused_deliveries where delivery_id = ${delivery})`;
