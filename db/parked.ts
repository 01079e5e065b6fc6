import { and, eq, sql } from 'drizzle-orm';
import type { Applicant } from '../domain/delivery/admission.ts';
import type { Db } from './open.ts';
import { parked, type ParkingReason } from './schema/destinations.ts';

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
  const [[own], [line]] = await Promise.all([
    tx.select().from(parked).where(eq(parked.deliveryId, id)),
    tx.execute<{ others_first: boolean }>(sql`
      select exists (
        select 1 from parked
        where destination = ${origin} and reason <> 'rateLimit' and delivery_id <> ${id}
          and (released_until is null or released_until <= ${moment})
          and (since, delivery_id) < (coalesce((select since from parked where delivery_id = ${id}), ${moment}), ${id})
      ) as others_first`),
  ]);
  return {
    released: own !== undefined && own.releasedUntil !== null && now < own.releasedUntil,
    othersFirst: line?.others_first ?? false,
    dueAt: own?.dueAt ?? null,
    since: own?.since ?? null,
  };
}

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
  await tx.delete(parked).where(and(eq(parked.deliveryId, id), eq(parked.workflowId, workflowId)));
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

/** Whether anybody stands in line at a destination. */
export async function isAnyoneWaiting(db: Db, origin: string): Promise<boolean> {
  const rows = await db.select({ id: parked.deliveryId }).from(parked).where(eq(parked.destination, origin)).limit(1);
  return rows.length > 0;
}

/** Destinations at which somebody waits who has not been told to come. A glance without locks. */
export async function listWaitingDestinations(db: Db, now: Date): Promise<string[]> {
  const rows = await db.execute<{ origin: string }>(sql`
    select origin from destinations as d
    where exists (select 1 from parked where destination = d.origin and ${isWaiting(now)})`);
  return rows.map((row) => row.origin);
}

/** Keeps a slot for the oldest that wait, and leaves a command for each of their workflows. Answers how many. */
export async function releaseOldest(
  tx: Db,
  { origin, count, now }: { origin: string; count: number; now: Date },
): Promise<number> {
  const until = new Date(now.getTime() + KEPT_MS).toISOString();
  const rows = await tx.execute(sql`
    with released as (
      update parked set released_until = ${until}::timestamptz
      where delivery_id in (
        select delivery_id from parked where destination = ${origin} and ${isWaiting(now)}
        order by since, delivery_id limit ${count})
      returning delivery_id, workflow_id, since
    ), command as (
      insert into commands (workflow_id, command)
      select workflow_id, jsonb_build_object('type', 'wake', 'subject', delivery_id) from released order by since, delivery_id
    )
    select delivery_id from released`);
  return rows.length;
}

const isWaiting = (now: Date) => sql`
  (released_until is null or released_until <= ${now.toISOString()}::timestamptz)
  and (reason <> 'rateLimit' or due_at <= ${new Date(now.getTime() - OVERDUE_MS).toISOString()}::timestamptz)`;
