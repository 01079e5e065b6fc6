import { sql } from 'drizzle-orm';
import type { Db } from './open.ts';

/**
 * The channels on which processes are woken: something waits to be matched, a delivery in line may go, Temporal has to be told
 * something, a webhook is to be tested, or API keys have changed. No payload: Postgres has all there is to know.
 */
export const CHANNELS = {
  inbox: 'hookline_inbox',
  line: 'hookline_line',
  commands: 'hookline_commands',
  tests: 'hookline_tests',
  keys: 'hookline_keys',
} as const;

const AT_MOST_EVERY_MS = 20;

/**
 * Wakes the relays, or whoever else listens, to be called after a commit: a NOTIFY inside a transaction would make all commits take turns.
 * Calls within 20 ms share one NOTIFY. A lost one costs at most the relay's poll.
 */
export function createWaker(db: Db, channel: keyof typeof CHANNELS, onError: (error: unknown) => void): () => void {
  let scheduled = false;
  let lastAt = 0;
  return () => {
    if (scheduled) return;
    scheduled = true;
    setTimeout(
      () => {
        scheduled = false;
        lastAt = Date.now();
        db.execute(sql`select pg_notify(${CHANNELS[channel]}, '')`).catch(onError);
      },
      lastAt + AT_MOST_EVERY_MS - Date.now(),
    ).unref();
  };
}
