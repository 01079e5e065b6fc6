import { and, eq, sql } from 'drizzle-orm';
import type { DestinationLoad } from '../domain/delivery/admission.ts';
import { newId } from './id.ts';
import type { Db } from './open.ts';
import { destinations } from './schema/destinations.ts';

export type DestinationRow = typeof destinations.$inferSelect;

/** The most recent attempts that are judged: what is older changes no share that matters, and a look costs the same for everybody. */
export const MOST_JUDGED = 1_000;

/** Holds a destination until the transaction ends; with `skipLocked`, undefined where somebody else does. */
export async function lockDestination(
  tx: Db,
  origin: string,
  options: { skipLocked: boolean } = { skipLocked: false },
): Promise<DestinationRow | undefined> {
  const [row] = await tx
    .select()
    .from(destinations)
    .where(eq(destinations.origin, origin))
    .for('no key update', options.skipLocked ? { skipLocked: true } : {});
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

/** The destination, held, if this attempt is the one that was let through its half-open breaker. */
export async function lockProbed(tx: Db, origin: string, attempt: string): Promise<DestinationRow | undefined> {
  const [row] = await tx
    .select()
    .from(destinations)
    .where(and(eq(destinations.origin, origin), eq(destinations.probe, attempt)))
    .for('no key update');
  return row;
}

/** The attempt that was let through has said nothing: another one may be. */
export async function clearProbe(tx: Db, origin: string, attempt: string): Promise<void> {
  await tx
    .update(destinations)
    .set({ probe: null, probeUntil: null })
    .where(and(eq(destinations.origin, origin), eq(destinations.probe, attempt)));
}

/** Closes the breaker of a destination that is held. What was attempted before is judged no more. */
export async function closeBreaker(tx: Db, origin: string, now: Date): Promise<void> {
  await tx
    .update(destinations)
    .set({ openUntil: null, openings: 0, closedAt: now, probe: null, probeUntil: null })
    .where(eq(destinations.origin, origin));
}

/**
 * Opens a breaker for the `openings`th time since it was closed, if nobody else did, and answers whether. `closedAt` is when that was,
 * as `countRecent` said: what was counted before a later closing opens nothing.
 */
export async function openBreaker(
  tx: Db,
  origin: string,
  opening: { until: Date; openings: number; closedAt?: string | null | undefined },
): Promise<boolean> {
  const { until, openings, closedAt } = opening;
  const opened = await tx
    .update(destinations)
    .set({ openUntil: until, openings, probe: null, probeUntil: null })
    .where(
      and(
        eq(destinations.origin, origin),
        eq(destinations.openings, openings - 1),
        closedAt === undefined
          ? undefined
          : sql`${destinations.closedAt} is not distinct from ${closedAt}::timestamptz`,
      ),
    )
    .returning({ origin: destinations.origin });
  return opened.length > 0;
}

/** What came of the attempts since a moment and since the breaker was closed: of very many, of the most recent. */
export async function countRecent(
  tx: Db,
  origin: string,
  since: Date,
): Promise<{ attempts: number; failures: number; closedAt: string | null }> {
  const [row] = await tx.execute<{ attempts: number; failures: number; closed_at: string | null }>(sql`
    with destination as (select closed_at from destinations where origin = ${origin})
    select count(*)::int as attempts, (count(*) filter (where class = 'retryable'))::int as failures,
      (select closed_at::text from destination) as closed_at
    from (
      select class from attempts
      where destination = ${origin} and class in ('sent', 'retryable', 'rejected')
        and started_at > greatest(${iso(since)}::timestamptz, (select closed_at from destination))
      order by started_at desc limit ${MOST_JUDGED}) as recent`);
  return { attempts: row?.attempts ?? 0, failures: row?.failures ?? 0, closedAt: row?.closed_at ?? null };
}

const iso = (moment: Date) => moment.toISOString();
