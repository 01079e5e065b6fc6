import { and, asc, eq, gt, isNull, lte, sql } from 'drizzle-orm';
import type { Json } from '../domain/json.ts';
import type { JourneyRow } from './journeys.ts';
import type { Db } from './open.ts';
import { deliveries } from './schema/deliveries.ts';
import { waits, type splitChoices, type WaitOutcome } from './schema/journeys.ts';
import { events } from './schema/people.ts';

export type WaitRow = typeof waits.$inferSelect;
export type NewWait = Pick<
  typeof waits.$inferInsert,
  'journeyId' | 'stepId' | 'personKey' | 'kind' | 'eventName' | 'since' | 'deadline' | 'timed'
> & {
  /** By the clock of the step that began it, so that a time that moves is found from the same moment as at first. */
  createdAt: Date;
};
type EventRow = typeof events.$inferSelect;

/**
 * The place in the person's own order behind the step that a journey has just left: what the next wait sees came after it. Behind a
 * webhook that is when its first attempt began, behind a wait the event that ended it, behind a delay its due time.
 */
export async function positionBehind(
  tx: Db,
  { id, personKey, stepId, stepType, stepUntil, position }: JourneyRow,
): Promise<number> {
  if (stepId === null) return position;
  if (stepType === 'webhook') {
    const [row] = await tx
      .select({ position: deliveries.position })
      .from(deliveries)
      .where(and(eq(deliveries.journeyId, id), eq(deliveries.stepId, stepId)));
    return Math.max(position, row?.position ?? 0);
  }
  if (stepType !== 'wait' && stepType !== 'delay') return position;
  const wait = await findWait(tx, id, stepId);
  if (wait) return Math.max(position, wait.position ?? 0);
  return stepUntil === null ? position : lastBefore(tx, { personKey, from: position, moment: stepUntil });
}

/**
 * The place in a person's order, not before `from`, behind which is all that was received from a moment on. After a merge something that
 * came earlier may be behind it too.
 */
export async function lastBefore(
  tx: Db,
  { personKey, from, moment }: { personKey: string; from: number; moment: Date },
): Promise<number> {
  // By time, as few came since; by number it would be all since `from`.
  const [row] = await tx.execute<{ place: string }>(sql`
    with later as materialized (
      select number from events
      where person_key = ${personKey} and received_at >= ${moment.toISOString()}::timestamptz)
    select coalesce(
      (select min(number) - 1 from later where number > ${from}),
      (select greatest(${from}, max(number)) from events where person_key = ${personKey})) as place`);
  return Number(row?.place ?? from);
}

export async function insertWait(tx: Db, wait: NewWait): Promise<void> {
  await tx.insert(waits).values(wait);
}

/** Notes which variant of a split a journey took. One that has converted did so by no variant of it, and counts for none. */
export async function insertSplitChoice(tx: Db, choice: typeof splitChoices.$inferInsert): Promise<void> {
  const { journeyId, personKey, campaignId, splitId, variant } = choice;
  await tx.execute(sql`
    insert into split_choices (journey_id, person_key, campaign_id, split_id, variant)
    select ${journeyId}, ${personKey}, ${campaignId}, ${splitId}, ${variant}
    where not exists (select from conversions where journey_id = ${journeyId})
    on conflict do nothing`);
}

export async function findWait(tx: Db, journeyId: string, stepId: string): Promise<WaitRow | undefined> {
  const [row] = await tx
    .select()
    .from(waits)
    .where(and(eq(waits.journeyId, journeyId), eq(waits.stepId, stepId)));
  return row;
}

/** The open waits of a person who is held. */
export async function listOpenWaits(tx: Db, personKey: string): Promise<WaitRow[]> {
  return tx
    .select()
    .from(waits)
    .where(and(eq(waits.personKey, personKey), isNull(waits.outcome)))
    .orderBy(asc(waits.journeyId));
}

/** The events that ended a journey's waits, by step. */
export async function listAwaitedEvents(tx: Db, journeyId: string): Promise<Record<string, EventRow>> {
  const rows = await tx
    .select({ stepId: waits.stepId, event: events })
    .from(waits)
    .innerJoin(events, eq(events.id, waits.eventId))
    .where(eq(waits.journeyId, journeyId));
  return Object.fromEntries(rows.map(({ stepId, event }) => [stepId, event]));
}

const AT_ONCE = 200;

/** A person's events of a name behind a place in their order, first to last, as far as they may end a wait: not what is long past. */
export async function* eventsBehind(
  tx: Db,
  { personKey, name, since, receivedBy }: { personKey: string; name: string; since: number; receivedBy?: Date },
): AsyncGenerator<EventRow> {
  for (let after = since; ;) {
    const rows = await tx
      .select()
      .from(events)
      .where(
        and(
          eq(events.personKey, personKey),
          gt(events.number, after),
          eq(events.name, name),
          sql`not ${events.backfill} and ${events.receivedAt} - ${events.timestamp} <= interval '24 h'`,
          receivedBy && lte(events.receivedAt, receivedBy),
        ),
      )
      .orderBy(asc(events.number))
      .limit(AT_ONCE);
    yield* rows;
    const last = rows.at(-1);
    if (!last || rows.length < AT_ONCE) return;
    after = last.number;
  }
}

export type WaitEnd = {
  outcome: WaitOutcome;
  eventId: string | null;
  /** The place in the person's order after which the next wait looks. */
  position: number;
  log: { what: string; details: Record<string, Json> };
};

/**
 * Closes a wait, with a line in its journey's log and a command that wakes the workflow; one that is closed stays as it is. The
 * person is held. Answers whether it was open.
 */
export async function closeWait(
  tx: Db,
  { journeyId, stepId }: Pick<WaitRow, 'journeyId' | 'stepId'>,
  { outcome, eventId, position, log }: WaitEnd,
  options: { wake: boolean },
): Promise<boolean> {
  const rows = await tx.execute(sql`
    with closed as (
      update waits set outcome = ${outcome}, event_id = ${eventId}, position = ${position}, closed_at = clock_timestamp()
      where journey_id = ${journeyId} and step_id = ${stepId} and outcome is null
      returning journey_id, step_id
    ), line as (
      insert into journey_log (journey_id, step, what, details)
      select journey_id, step_id, ${log.what}, ${JSON.stringify(log.details)}::jsonb from closed
      on conflict do nothing
    ), command as (
      ${wakeCommand(sql`closed`, options.wake)}
    )
    select from closed`);
  return rows.length > 0;
}

/** Moves the time at which an open wait ends, and tells the workflow and the log, where the latest move stands. */
export async function moveDeadline(
  tx: Db,
  { journeyId, stepId }: Pick<WaitRow, 'journeyId' | 'stepId'>,
  deadline: Date,
  details: Record<string, Json>,
): Promise<void> {
  const until = sql`${deadline.toISOString()}::timestamptz`;
  await tx.execute(sql`
    with moved as (
      update waits set deadline = ${until}
      where journey_id = ${journeyId} and step_id = ${stepId} and outcome is null and deadline is distinct from ${until}
      returning journey_id, step_id
    ), line as (
      insert into journey_log (journey_id, step, what, details)
      select journey_id, step_id, 'moved', ${JSON.stringify(details)}::jsonb from moved
      on conflict (journey_id, step, what, revision) do update set details = excluded.details, at = excluded.at
    ), journey as (
      update journeys set step_until = ${until}, updated_at = clock_timestamp()
      where id in (select journey_id from moved) and step_id = ${stepId}
    )
    ${wakeCommand(sql`moved`, true)}`);
}

const wakeCommand = (rows: ReturnType<typeof sql>, wake: boolean) => sql`
  insert into commands (workflow_id, command)
  select 'journey/' || journeys.id || '/' || run, jsonb_build_object('type', 'wake', 'subject', 'wait/' || ${rows}.step_id)
  from ${rows} join journeys on journeys.id = ${rows}.journey_id
  where ${wake} and ended_at is null`;
