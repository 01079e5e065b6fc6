/** Runs what it is given in the order in which it comes, a few at once. */
export type TakeTurn = <T>(work: () => Promise<T>) => Promise<T>;

/** What takes longer waits for people whom somebody else holds, or is very long: it keeps no others waiting. */
const SLOW_MS = 50;

/**
 * Turns for storing events: `atOnce` of them, since more at once only stand in one another's way in Postgres, and beside them what
 * is slow, up to `atMost` in all, so that connections are left to everything else.
 */
export function createStoringTurns({ atOnce, atMost }: { atOnce: number; atMost: number }): TakeTurn {
  const line: (() => void)[] = [];
  let quick = 0;
  let underWay = 0;

  function next(): void {
    if (quick === atOnce || underWay === atMost) return;
    const begin = line.shift();
    if (!begin) return;
    quick += 1;
    underWay += 1;
    begin();
  }

  return async (work) => {
    await new Promise<void>((resolve) => {
      line.push(resolve);
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
    } finally {
      clearTimeout(slow);
      underWay -= 1;
      makeRoom();
    }
  };
}
