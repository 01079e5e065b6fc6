/** Attempts are judged over this time back. */
export const BREAKER_WINDOW_MS = 5 * 60_000;

const LEAST_ATTEMPTS = 10;
const FAILURE_SHARE = 0.7;
const FIRST_OPEN_MS = 30_000;
const LONGEST_OPEN_MS = 10 * 60_000;

export type BreakerState = 'closed' | 'open' | 'halfOpen';

/** Open until its time; then half open: one attempt may try whether the destination is back. */
export function breakerState(openUntil: Date | null, now: Date): BreakerState {
  if (openUntil === null) return 'closed';
  return now < openUntil ? 'open' : 'halfOpen';
}

/** Whether a destination fails so often that it is to be left alone: 70 % retryable failures of at least 10 attempts in 5 minutes. */
export function opensBreaker({ attempts, failures }: { attempts: number; failures: number }): boolean {
  return attempts >= LEAST_ATTEMPTS && failures >= attempts * FAILURE_SHARE;
}

/** How long the breaker stays open, in ms: 30 s, doubled each time that the attempt let through fails too, up to 10 min. */
export function openForMs(openingsBefore: number): number {
  return Math.min(FIRST_OPEN_MS * 2 ** Math.min(openingsBefore, 10), LONGEST_OPEN_MS);
}
