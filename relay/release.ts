import { countInFlight, loadOf, lockDestination } from '../db/destinations.ts';
import type { Db } from '../db/open.ts';
import { listWaitingDestinations, releaseOldest } from '../db/parked.ts';
import { freeSlots } from '../domain/delivery/admission.ts';

/**
 * Tells parked deliveries that they may come, at each destination as many as it has free slots, the oldest first. However many
 * wait, no more are told than may be sent at once. Answers how many were told.
 */
export async function releaseParked(db: Db, options: { now: Date; breaker: boolean }): Promise<number> {
  let released = 0;
  for (const origin of await listWaitingDestinations(db, options)) {
    released += await releaseAt(db, origin, options);
  }
  return released;
}

function releaseAt(db: Db, origin: string, { now, breaker }: { now: Date; breaker: boolean }): Promise<number> {
  return db.transaction(async (tx) => {
    // Who holds the destination is changing the count: the next look is soon enough.
    const [destination, counts] = await Promise.all([
      lockDestination(tx, origin, { skipLocked: true }),
      countInFlight(tx, { origin, now }),
    ]);
    if (!destination) return 0;
    const load = loadOf(destination, counts, now);
    const count = freeSlots(breaker ? load : { ...load, openUntil: null }, now);
    return count > 0 ? releaseOldest(tx, { origin, count, now }) : 0;
  });
}
