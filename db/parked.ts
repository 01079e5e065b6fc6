import { and, eq, sql, type SQL } from 'drizzle-orm';
import type { Applicant } from '../domain/delivery/admission.ts';
import type { Db } from './open.ts';
import { OPEN_STATES } from './schema/deliveries.ts';
import { parked, pausedDeliveries, type ParkingReason } from './schema/destinations.ts';

/** How long a slot is kept for a delivery whose workflow was told; then it is told again. */
const KEPT_MS = 60_000;
/** Rate-limited deliveries come by a timer of their own; who is this late is told. */
const OVERDUE_MS = 5_000;

/** Where a delivery stands in the line at its destination, which is held. `since` is null where it did not wait yet. */
export async function readPlace(
  tx: Db,
  { id, origin, now }: { id: string; origin: string; now: Date },
): Promise<Applicant & { since: Date | null }> {
  const moment = sql`${now.toISOString()}::timestamptz`;
  const [row] = await tx.execute<{
    since: number | null;
    due_at: number | null;
    released: boolean;
    first: boolean;
  }>(sql`
    select (extract(epoch from own.since) * 1000)::float8 as since, (extract(epoch from own.due_at) * 1000)::float8 as due_at,
      coalesce(${moment} < own.released_until, false) as released,
      not exists (
        select 1 from parked
        where destination = ${origin} and ${IN_TURN} and (since, delivery_id) < (coalesce(own.since, ${moment}), ${id})
      ) as first
    from (select) as one left join parked as own on own.delivery_id = ${id}`);
  return {
    released: row?.released ?? false,
    othersFirst: !(row?.first ?? true),
    dueAt: dateOf(row?.due_at),
    since: dateOf(row?.since),
  };
}

const dateOf = (ms: number | null | undefined) => (typeof ms === 'number' ? new Date(ms) : null);

/** Puts a delivery in line, or back to the place that it had. */
export async function parkDelivery(
  tx: Db,
  place: { id: string; origin: string; workflowId: string; reason: ParkingReason; dueAt: Date | null; now: Date },
): Promise<void> {
  const { id, origin, workflowId, reason, dueAt, now } = place;
  await tx
    .insert(parked)
    .values({ deliveryId: id, destination: origin, workflowId, reason, dueAt, since: now })
    .onConflictDoUpdate({ target: parked.deliveryId, set: { reason, workflowId, dueAt, releasedUntil: null } });
}

/** Gives up the place of a delivery that its workflow sends no more; another workflow may have one for it by now, which stays. */
export async function leaveLine(tx: Db, { id, workflowId }: { id: string; workflowId: string }): Promise<void> {
  const isOwn = (line: typeof parked | typeof pausedDeliveries) =>
    and(eq(line.deliveryId, id), eq(line.workflowId, workflowId));
  await Promise.all([
    tx.delete(parked).where(isOwn(parked)),
    tx.delete(pausedDeliveries).where(isOwn(pausedDeliveries)),
  ]);
}

/**
 * Gives up the place of a delivery whose workflow is gone, unless it is still to be sent: by the next run of its journey, which takes
 * the place over with the time that it has waited.
 */
export async function leaveSettled(db: Db, { id, workflowId }: { id: string; workflowId: string }): Promise<void> {
  await db.execute(sql`
    delete from parked using deliveries
    where delivery_id = ${id} and workflow_id = ${workflowId} and deliveries.id = delivery_id
      and state <> all(${sql.param(OPEN_STATES)}::text[])`);
}

/** Takes the next free time of a webhook with a rate limit: each caller gets one of its own. */
export async function takeRateSlot(
  tx: Db,
  slot: { webhook: string; origin: string; intervalMs: number; now: Date },
): Promise<Date> {
  const now = sql`${slot.now.toISOString()}::timestamptz`;
  const interval = sql`${slot.intervalMs}::float8 * interval '1 ms'`;
  const [row] = await tx.execute<{ ms: number }>(sql`
    insert into rate_slots as slot (webhook, destination, next_at)
    values (${slot.webhook}, ${slot.origin}, ${now} + ${interval})
    on conflict (webhook, destination) do update set next_at = greatest(slot.next_at, ${now}) + ${interval}
    returning extract(epoch from next_at - ${interval})::float8 * 1000 as ms`);
  return new Date(row?.ms ?? slot.now.getTime());
}

/** Destinations at which somebody waits who may be told to come: not where the breaker, if it counts, is open. A glance without locks. */
export async function listWaitingDestinations(
  db: Db,
  { now, breaker }: { now: Date; breaker: boolean },
): Promise<string[]> {
  const closed = sql`coalesce(open_until <= ${now.toISOString()}::timestamptz, true)`;
  const rows = await db.execute<{ origin: string }>(sql`
    select origin from destinations
    where ${breaker ? closed : sql`true`} and (
      exists (select 1 from parked where destination = origin and ${IN_TURN})
      or exists (select 1 from parked where destination = origin and ${isToldInVain(now)})
      or exists (select 1 from parked where destination = origin and ${isOverdue(now)}))`);
  return rows.map((row) => row.origin);
}

/**
 * Keeps a slot for the oldest that wait, and leaves a command for each of their workflows; then, with slots that are left, for those
 * who did not come though they were told. Answers how many.
 */
export async function releaseOldest(
  tx: Db,
  { origin, count, now }: { origin: string; count: number; now: Date },
): Promise<number> {
  const until = new Date(now.getTime() + KEPT_MS).toISOString();
  const oldest = (which: SQL) => sql`(
    select delivery_id from parked where destination = ${origin} and ${which} order by since, delivery_id limit ${count})`;
  const rows = await tx.execute(sql`
    with released as (
      update parked set released_until = ${until}::timestamptz
      where delivery_id in (
        ${oldest(IN_TURN)} union all ${oldest(isOverdue(now))} union all ${oldest(isToldInVain(now))} limit ${count})
      returning delivery_id, workflow_id, since
    ), command as (
      insert into commands (workflow_id, command)
      select workflow_id, jsonb_build_object('type', 'wake', 'subject', delivery_id) from released
      where not exists (
        select 1 from commands as untold
        where untold.workflow_id = released.workflow_id
          and untold.command @> jsonb_build_object('type', 'wake', 'subject', released.delivery_id))
      order by since, delivery_id
    )
    select delivery_id from released`);
  return rows.length;
}

/** Nobody has told them yet. This condition and the two below have an index each. */
export const IN_TURN = sql`released_until is null and reason <> 'rateLimit'`;

const isOverdue = (now: Date) => sql`
  released_until is null and reason = 'rateLimit'
  and due_at <= ${new Date(now.getTime() - OVERDUE_MS).toISOString()}::timestamptz`;

/** Told, and did not come. Where Temporal refuses to wake one that goes on being tried, and keeps no slot from the others meanwhile. */
const isToldInVain = (now: Date) => sql`
  released_until <= ${now.toISOString()}::timestamptz
  and not exists (select from commands where commands.workflow_id = parked.workflow_id and error is not null)`;
