import { setTimeout as sleep } from 'node:timers/promises';
import type { Logger } from 'pino';
import type { Cipher } from '../db/cipher.ts';
import type { Db } from '../db/open.ts';
import { reseal } from '../db/reseal.ts';

/** What is left was in somebody's hands, for the moment that a delivery takes. */
const LEFT_MS = 10_000;
const DONE_MS = 60 * 60_000;

export type ResealingOptions = {
  db: Db;
  cipher: Cipher;
  log: Logger;
  /** How long until the next pass where something is left to do, and where nothing is. */
  pauses?: { leftMs: number; doneMs: number };
};

/**
 * Seals in the background what earlier master keys sealed, and says when they are needed no more. It goes on looking, because a
 * process that has not been restarted yet may still seal with one of them. Any number may run.
 */
export function startResealing({ db, cipher, log, pauses }: ResealingOptions) {
  const { leftMs, doneMs } = pauses ?? { leftMs: LEFT_MS, doneMs: DONE_MS };
  const stopping = new AbortController();
  const { signal } = stopping;

  /** Answers when the next one is due. */
  const pass = async (): Promise<number> => {
    const found = { done: 0, left: 0 };
    let unopened: unknown;
    for await (const batch of reseal(db, cipher)) {
      if (signal.aborted) return 0;
      found.done += batch.done;
      found.left += batch.left;
      unopened ??= batch.unopened;
    }
    if (found.done > 0)
      log.info({ values: found.done }, 'sealed anew with HOOKLINE_MASTER_KEY what an earlier key had sealed');
    if (unopened) {
      log.error({ err: unopened }, 'some of what is stored opens with none of the master keys');
      return doneMs;
    }
    if (found.done + found.left > 0) return found.done > 0 ? 0 : leftMs;
    log.info(ALL_SEALED);
    return doneMs;
  };
  const run = async () => {
    while (!signal.aborted) {
      const pauseMs = await pass().catch((error: unknown) => {
        log.warn({ err: error }, 'what earlier master keys sealed could not be sealed anew; trying again');
        return leftMs;
      });
      await sleep(pauseMs, undefined, { signal }).catch(() => {});
    }
  };
  const running = run();
  return {
    /** Ends after the present batch. */
    async stop() {
      stopping.abort();
      await running;
    },
  };
}

const ALL_SEALED =
  'everything stored is sealed with HOOKLINE_MASTER_KEY: HOOKLINE_PREVIOUS_MASTER_KEYS may be removed, once no process that ' +
  'seals with another key runs any more';
