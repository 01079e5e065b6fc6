import { isUnavailable } from '../db/unavailable.ts';

/** Runs what it is given in the order in which it comes, a few at once. */
type TakeTurn = <T>(work: () => Promise<T>) => Promise<T>;

/** What takes longer waits for people whom somebody else holds, or is very long: it keeps no others waiting. */
const SLOW_MS = 50;

/**
 * Turns for storing events: `atOnce` of them, since more at once only stand in one another's way in Postgres, and beside them what
 * is slow, up to `atMost` in all, so that connections are left to everything else. Where Postgres is away, all who stand in line are told
 * so.
 */
export function createStoringTurns({ atOnce, atMost }: { atOnce: number; atMost: number }): TakeTurn {
  const line: { begin(): void; refuse(error: unknown): void }[] = [];
  let quick = 0;
  let underWay = 0;

  function next(): void {
    if (quick === atOnce || underWay === atMost) return;
    const first = line.shift();
    if (!first) return;
    quick += 1;
    underWay += 1;
    first.begin();
  }

  return async (work) => {
    await new Promise<void>((begin, refuse) => {
      line.push({ begin, refuse });
      next();
    });
    let isQuick = true;
    const makeRoom = () => {
      if (isQuick) quick -= 1;
      isQuick = false;
      next();
    };
    const slow = setTimeout(makeRoom, SLOW_MS);
    try {
      return await work();
    } catch (error) {
      if (isUnavailable(error)) for (const each of line.splice(0)) each.refuse(error);
      throw error;
    } finally {
      clearTimeout(slow);
      underWay -= 1;
      makeRoom();
    }
  };
}
