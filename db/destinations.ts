import { and, eq, isNull, sql } from 'drizzle-orm';
import type { DestinationLoad } from '../domain/delivery/admission.ts';
import { BREAKER_WINDOW_MS, openForMs, opensBreaker } from '../domain/delivery/breaker.ts';
import { newId } from './id.ts';
import type { Db } from './open.ts';
import { destinations } from './schema/destinations.ts';

export type DestinationRow = typeof destinations.$inferSelect;

/** The most recent attempts that are judged: what is older changes no share that matters, and a look costs the same for everybody. */
export const MOST_JUDGED = 1_000;

/** Holds a destination until the transaction ends. */
export async function lockDestination(tx: Db, origin: string): Promise<DestinationRow | undefined> {
  const [row] = await tx.select().from(destinations).where(eq(destinations.origin, origin)).for('no key update');
  return row;
}

/** Makes a destination known. `shown` is its origin without secrets. */
export async function addDestination(tx: Db, origin: string, shown: string): Promise<void> {
  await tx
    .insert(destinations)
    .values({ origin, id: newId('dst'), shown })
    .onConflictDoNothing();
}

/** Attempts under way to a destination that is held, and slots kept there for other deliveries than `except`. */
export async function countInFlight(
  tx: Db,
  { origin, now, except = null }: { origin: string; now: Date; except?: string | null },
): Promise<{ inFlight: number; kept: number }> {
  const [row] = await tx.execute<{ in_flight: number; kept: number }>(sql`
    select
      (select count(*)::int from attempts
        where destination = ${origin} and class = 'started' and in_flight_until > ${iso(now)}::timestamptz) as in_flight,
      (select count(*)::int from parked
        where destination = ${origin} and released_until > ${iso(now)}::timestamptz
          and delivery_id is distinct from ${except}) as kept`);
  return { inFlight: row?.in_flight ?? 0, kept: row?.kept ?? 0 };
}

/** What a destination looks like to who wants to be sent there. */
export const loadOf = (
  { openUntil, probeUntil }: DestinationRow,
  counts: { inFlight: number; kept: number },
  now: Date,
): DestinationLoad => ({ ...counts, openUntil, probing: probeUntil !== null && now < probeUntil });

/** Notes which attempt is let through a half-open breaker, and when it counts as lost. */
export async function setProbe(tx: Db, origin: string, attempt: string, until: Date): Promise<void> {
  await tx.update(destinations).set({ probe: attempt, probeUntil: until }).where(eq(destinations.origin, origin));
}

/** What came of the attempt that was let through: an answer closes the breaker, a failure opens it for longer. */
export async function settleProbe(
  tx: Db,
  origin: string,
  probe: { attempt: string; failed: boolean; now: Date },
): Promise<void> {
  const isProbe = and(eq(destinations.origin, origin), eq(destinations.probe, probe.attempt));
  const [row] = await tx.select().from(destinations).where(isProbe).for('no key update');
  if (!row) return;
  const verdict = probe.failed
    ? { openUntil: after(probe.now, openForMs(row.openings)), openings: row.openings + 1 }
    : { openUntil: null, openings: 0, closedAt: probe.now };
  await tx
    .update(destinations)
    .set({ ...verdict, probe: null, probeUntil: null })
    .where(isProbe);
}

/** Opens the breaker of a destination that fails too often; to be asked after each failure. Twice at once opens it once. */
export async function judgeDestination(tx: Db, origin: string, now: Date): Promise<void> {
  const [recent] = await tx.execute<{ attempts: number; failures: number }>(sql`
    select count(*)::int as attempts, (count(*) filter (where class = 'retryable'))::int as failures
    from (
      select class from attempts
      where destination = ${origin} and class in ('sent', 'retryable', 'rejected') and started_at > greatest(
        ${iso(after(now, -BREAKER_WINDOW_MS))}::timestamptz, (select closed_at from destinations where origin = ${origin}))
      order by started_at desc limit ${MOST_JUDGED}) as recent`);
  if (!recent || !opensBreaker(recent)) return;
  await tx
    .update(destinations)
    .set({ openUntil: after(now, openForMs(0)), openings: 1 })
    .where(and(eq(destinations.origin, origin), isNull(destinations.openUntil)));
}

const after = (moment: Date, ms: number) => new Date(moment.getTime() + ms);
const iso = (moment: Date) => moment.toISOString();
