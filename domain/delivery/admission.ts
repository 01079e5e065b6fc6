import { breakerState } from './breaker.ts';

/** Most requests in flight to one destination. */
export const MAX_IN_FLIGHT = 20;

/** An attempt without an end counts as in flight for its timeout and this much longer; then it is taken for lost. */
export const LOST_AFTER_MS = 30_000;

/** The longest that a delivery may wait for its destination. */
export const LONGEST_PARKING_MS = 24 * 60 * 60_000;

/** What a destination looks like to a delivery that wants to be sent there. */
export type DestinationLoad = {
  openUntil: Date | null;
  /** An attempt was let through the half-open breaker, and it is not known yet what came of it. */
  probing: boolean;
  /** Attempts without an end. */
  inFlight: number;
  /** Slots kept for others that were told to come. */
  kept: number;
};

/** What is known of the delivery that asks. */
export type Applicant = {
  /** It was told to come. */
  released: boolean;
  /** Others came before it and still wait. */
  othersFirst: boolean;
  /** The own time that its webhook's rate limit gave it, if there is one. */
  dueAt: Date | null;
};

export type Admission =
  | { type: 'admitted'; probe: boolean }
  | { type: 'parked'; reason: 'breaker' | 'rateLimit' | 'slot' };

/** Whether a delivery may make its attempt now: breaker, then its own time, then a slot, oldest first. */
export function admit(load: DestinationLoad, { released, othersFirst, dueAt }: Applicant, now: Date): Admission {
  const breaker = breakerState(load.openUntil, now);
  if (breaker === 'open') return { type: 'parked', reason: 'breaker' };
  if (dueAt !== null && now < dueAt) return { type: 'parked', reason: 'rateLimit' };
  const inTurn = released || !othersFirst;
  if (breaker === 'halfOpen') {
    return inTurn && !load.probing ? { type: 'admitted', probe: true } : { type: 'parked', reason: 'breaker' };
  }
  return inTurn && load.inFlight + load.kept < MAX_IN_FLIGHT
    ? { type: 'admitted', probe: false }
    : { type: 'parked', reason: 'slot' };
}

/** How many parked deliveries may be told to come now. */
export function freeSlots(load: DestinationLoad, now: Date): number {
  switch (breakerState(load.openUntil, now)) {
    case 'open':
      return 0;
    case 'halfOpen':
      return load.probing || load.kept > 0 ? 0 : 1;
    case 'closed':
      return Math.max(0, MAX_IN_FLIGHT - load.inFlight - load.kept);
  }
}
