import { sql } from 'drizzle-orm';
import type { Db } from './open.ts';

/** In between, a process's own count of milliseconds runs evenly enough. */
const EVERY_MS = 30_000;
/** Who hears of the time so late, because the process was held up, does not know it. */
const TOO_LATE_MS = 1_000;

/**
 * The clock of Postgres, which all processes share: where one says that a retry is due, another must not see that an hour away. Asked
 * at the start, and now and then; `onError` hears of it where that fails, and the clock goes on as it did. Before its start it is the
 * process's own.
 */
export function createClock(db: Db, onError: (error: unknown) => void) {
  let aheadMs: number = performance.timeOrigin;
  let timer: NodeJS.Timeout | undefined;
  const again = async () => {
    const answer = await ask(db);
    if (answer.tookMs < TOO_LATE_MS) aheadMs = answer.aheadMs;
  };
  return {
    now: () => new Date(performance.now() + aheadMs),
    async start(): Promise<void> {
      ({ aheadMs } = await ask(db));
      timer = setInterval(() => void again().catch(onError), EVERY_MS);
    },
    stop: () => clearInterval(timer),
  };
}

/** How far Postgres is ahead of this process's count of milliseconds; the answer took half of the time to come. */
async function ask(db: Db): Promise<{ aheadMs: number; tookMs: number }> {
  const askedAt = performance.now();
  const [row] = await db.execute<{ ms: number }>(
    sql`select (extract(epoch from clock_timestamp()) * 1000)::float8 as ms`,
  );
  if (!row) throw new Error('Postgres does not say what time it is');
  const tookMs = performance.now() - askedAt;
  return { aheadMs: row.ms - askedAt - tookMs / 2, tookMs };
}
