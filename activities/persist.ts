import { setTimeout as sleep } from 'node:timers/promises';
import { log } from '@temporalio/activity';
import { plainError } from '../db/plain-error.ts';

const FIRST_PAUSE_MS = 100;
const LONGEST_PAUSE_MS = 5_000;

/** As long as Temporal leaves the activity to it. */
const PATIENCE_MS = 24 * 60 * 60_000;

/** Repeats a database write until it succeeds: after a request has left, a failed write must not make it leave again. */
export async function persist<T>(write: () => Promise<T>, signal: AbortSignal): Promise<T> {
  const begun = performance.now();
  for (let pauseMs = FIRST_PAUSE_MS; ; pauseMs = Math.min(pauseMs * 2, LONGEST_PAUSE_MS)) {
    try {
      return await write();
    } catch (error) {
      if (signal.aborted || performance.now() - begun > PATIENCE_MS) throw error;
      log.warn('What a receiver answered could not be stored and is written again', {
        reason: plainError(error).message,
      });
      await sleep(pauseMs, undefined, { signal });
    }
  }
}
