import { setTimeout as pause } from 'node:timers/promises';
import { HooklineError } from '../domain/errors.ts';
import type { Child, Exit } from './child.ts';
import { lastLines } from './log-file.ts';

/**
 * Asks `probe` until it answers with something, every 25 ms.
 * @throws HooklineError `embedded.failed` with the last lines of its log where the child ends before, or after `timeoutMs`.
 */
export async function untilReady<T>(child: Child, timeoutMs: number, probe: () => Promise<T | undefined>): Promise<T> {
  const deadline = performance.now() + timeoutMs;
  let cause: unknown;
  // A probe may hang on another server that has the port: the child's end is heard all the same.
  const ended = child.exited.then(() => undefined);
  while (performance.now() < deadline) {
    try {
      const answer = await Promise.race([probe(), ended]);
      if (answer !== undefined) return answer;
    } catch (error) {
      cause = error;
    }
    if (child.hasExited()) throw endedError(child, await child.exited);
    await pause(25);
  }
  throw new HooklineError(
    'embedded.failed',
    `${child.name} did not answer within ${timeoutMs / 1000} s. ${logOf(child)}`,
    { cause },
  );
}

/** Why a child is gone, with the last lines of its log. */
export function endedError(child: Child, exit: Exit): HooklineError {
  const how = exit.error?.message ?? (exit.signal ? `by ${exit.signal}` : `with exit code ${exit.code}`);
  return new HooklineError('embedded.failed', `${child.name} ended ${how}. ${logOf(child)}`, { cause: exit.error });
}

function logOf(child: Child): string {
  const lines = lastLines(child.logFile, 12);
  return lines ? `Its log, ${child.logFile}, ends with:\n${lines}` : `Its log, ${child.logFile}, is empty.`;
}
