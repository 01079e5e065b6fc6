import { setTimeout as pause } from 'node:timers/promises';

const GIVE_UP_AFTER_MS = 180_000;

/** How many of `count` things `run` does in a second. */
export async function ratePerSecond(count: number, run: () => Promise<unknown>): Promise<number> {
  const startedAt = performance.now();
  await run();
  return (count * 1000) / (performance.now() - startedAt);
}

/** The round in the middle of all, by `ratio`. */
export function medianBy<T>(rounds: T[], ratio: (round: T) => number): T {
  const middle = rounds.toSorted((a, b) => ratio(a) - ratio(b))[Math.floor(rounds.length / 2)];
  if (!middle) throw new Error('no round was counted');
  return middle;
}

/** Asking takes a twentieth of the time, so that it slows down little of what it waits for; what it waits for is seen within a second. */
const PAUSE_PER_QUESTION = 19;
const LONGEST_PAUSE_MS = 1_000;

/** @throws where it does not come true: better than a figure of something that did not happen. */
export async function until(what: string, done: () => Promise<boolean>, withinMs = GIVE_UP_AFTER_MS): Promise<void> {
  const giveUpAt = performance.now() + withinMs;
  for (;;) {
    const askedAt = performance.now();
    if (await done()) return;
    const now = performance.now();
    if (now > giveUpAt) throw new Error(`this did not happen within ${withinMs} ms: ${what}`);
    await pause(Math.min(Math.max(50, (now - askedAt) * PAUSE_PER_QUESTION), LONGEST_PAUSE_MS));
  }
}
