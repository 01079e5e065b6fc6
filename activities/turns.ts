/** Runs what it is given, `limit` at once, in the order in which it comes. */
export type TakeTurn = <T>(work: () => Promise<T>) => Promise<T>;

export function createTurns(limit: number): TakeTurn {
  let running = 0;
  const line: (() => void)[] = [];
  return async (work) => {
    if (running < limit) running += 1;
    else await new Promise<void>((resolve) => line.push(resolve));
    try {
      return await work();
    } finally {
      const next = line.shift();
      if (next) next();
      else running -= 1;
    }
  };
}
