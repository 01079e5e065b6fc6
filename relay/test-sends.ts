import { setMaxListeners } from 'node:events';
import type { Logger } from 'pino';
import type { Database } from '../db/open.ts';
import { claimTests, sweepTests, type ClaimedTest } from '../db/test-sends.ts';
import { CHANNELS } from '../db/wake.ts';
import { PICK_UP_MS } from '../domain/journey/test-send.ts';
import { startLoop } from './loop.ts';

const POLL_MS = 500;
const SWEEP_POLL_MS = 60_000;
const TESTS_AT_ONCE = 50;

/** Longer than the API waits for any. */
const LEFT_BEHIND_MS = 5 * 60_000;

/** How long those under way may take to end when the process has to. */
const GRACE_MS = 3_000;

export type TestSendOptions = {
  database: Database;
  /** Sends one and stores its outcome; the signal says that the process ends. */
  send: (test: ClaimedTest, signal: AbortSignal) => Promise<void>;
  log: Logger;
};

/** Takes up the webhooks that are to be tested, and has each sent once. Any number may run: Postgres gives each test to one of them. */
export async function startTestSends({ database, send, log }: TestSendOptions) {
  const { db } = database;
  const stopping = new AbortController();
  setMaxListeners(TESTS_AT_ONCE, stopping.signal);
  const sending = new Set<Promise<void>>();

  const begin = (test: ClaimedTest) => {
    const sent = send(test, stopping.signal)
      .catch((error: unknown) => log.error({ test: test.id, err: error }, 'a webhook could not be tested'))
      .finally(() => {
        sending.delete(sent);
        loop.wake();
      });
    sending.add(sent);
  };
  const loop = startLoop({
    pollMs: POLL_MS,
    look: async () => {
      const count = TESTS_AT_ONCE - sending.size;
      const claimed = count > 0 ? await claimTests(db, { count, youngerThanMs: PICK_UP_MS }) : [];
      claimed.forEach(begin);
      return claimed.length;
    },
    onError: (error) => log.error({ err: error }, 'webhooks to be tested could not be taken up'),
  });
  const sweep = startLoop({
    pollMs: SWEEP_POLL_MS,
    look: () => sweepTests(db, LEFT_BEHIND_MS),
    onError: (error) => log.error({ err: error }, 'old tests could not be deleted'),
  });
  await database.listen(CHANNELS.tests, () => loop.wake());
  return {
    async stop() {
      await Promise.all([loop.stop(), sweep.stop()]);
      const late = setTimeout(() => stopping.abort(), GRACE_MS);
      await Promise.all(sending);
      clearTimeout(late);
    },
  };
}
