import { addDestination, countInFlight, loadOf, lockDestination } from '../db/destinations.ts';
import type { Db } from '../db/open.ts';
import { parkDelivery, readPlace, takeRateSlot } from '../db/parked.ts';
import type { ParkingReason } from '../db/schema/destinations.ts';
import {
  admit,
  LONGEST_PARKING_MS,
  LOST_AFTER_MS,
  type Applicant,
  type DestinationLoad,
} from '../domain/delivery/admission.ts';
import { breakerState } from '../domain/delivery/breaker.ts';

/** A delivery before its destination, which is held until the transaction ends. */
export type Standing = Applicant & { since: Date | null; load: DestinationLoad };

/** `until` is when it may go by itself, or fails; a signal may come before. A draft, or one whose campaign is paused, waits for its signal only. */
export type Parked =
  | { state: 'parked'; reason: ParkingReason; until: string }
  | { state: 'parked'; reason: 'approval' | 'pause'; until: null };

/**
 * Holds the destination, and reads what is under way there and the delivery's place in line. Where a glance says that the breaker is
 * open nobody goes, so that nobody has to take turns: one who lines up as it closes is told to come at the relay's next look.
 */
export async function approach(
  tx: Db,
  {
    id,
    origin,
    openUntil,
    shown,
    now,
  }: { id: string; origin: string; openUntil: Date | null; shown: () => string; now: Date },
): Promise<Standing> {
  if (breakerState(openUntil, now) === 'open') {
    const place = await readPlace(tx, { id, origin, now });
    return { ...place, load: { openUntil, probing: false, inFlight: 0, kept: 0 } };
  }
  for (;;) {
    // Sent together, run in this order: what is counted was committed before the destination was ours.
    const [destination, counts, place] = await Promise.all([
      lockDestination(tx, origin),
      countInFlight(tx, { origin, now, except: id }),
      readPlace(tx, { id, origin, now }),
    ]);
    if (destination) return { ...place, load: loadOf(destination, counts, now) };
    await addDestination(tx, origin, shown());
  }
}

type Application = {
  id: string;
  origin: string;
  workflowId: string;
  now: Date;
  /** Of a webhook with a rate limit. */
  rate: { webhook: string; intervalMs: number } | null;
};

/** Admits the delivery, and says whether its attempt is the one that tries a half-open breaker; otherwise puts it in line. */
export async function seekAdmission(
  tx: Db,
  standing: Standing,
  { id, origin, workflowId, now, rate }: Application,
): Promise<{ state: 'admitted'; probe: boolean } | Parked> {
  const mayDraw = rate !== null && standing.dueAt === null && breakerState(standing.load.openUntil, now) !== 'open';
  const dueAt = mayDraw ? await takeRateSlot(tx, { ...rate, origin, now }) : standing.dueAt;
  const admission = admit(standing.load, { ...standing, dueAt }, now);
  if (admission.type === 'admitted') return { state: 'admitted', probe: admission.probe };
  const { reason } = admission;
  await parkDelivery(tx, { id, origin, workflowId, reason, dueAt, now });
  const until = reason === 'rateLimit' && dueAt ? dueAt : endOfParking({ since: standing.since ?? now, dueAt });
  return { state: 'parked', reason, until: until.toISOString() };
}

/** The wait for the own time that a rate limit gives does not count, however long it is. */
export const endOfParking = ({ since, dueAt }: { since: Date; dueAt: Date | null }) =>
  new Date(Math.max(since.getTime(), dueAt?.getTime() ?? 0) + LONGEST_PARKING_MS);

/** From then on an attempt without an end counts as lost. */
export const lostAt = (now: Date, timeoutMs: number) => new Date(now.getTime() + timeoutMs + LOST_AFTER_MS);
