import { setTimeout as pause } from 'node:timers/promises';
import pino, { type Logger } from 'pino';
import { plainError } from './db/plain-error.ts';

/** What may wait for somebody who has stopped reading: what comes after it is left out, as it would fill the memory. */
const MAX_UNREAD_BYTES = 8 * 1024 * 1024;

export type ProcessLog = {
  log: Logger;
  /** Resolves when all lines are written, or after `withinMs` where that takes longer. */
  written(withinMs: number): Promise<void>;
};

/**
 * The log of this process, as JSON lines to its standard output. It holds nobody up: the process works, and ends, as well where the
 * reader is gone or reads no more, or the disk is full. (But a terminal that is halted halts it.) Pino's own stream would repeat at the
 * exit, for ever, what is refused.
 */
export function createProcessLog(name: string, level: string): ProcessLog {
  const { stdout } = process;
  stdout.on('error', () => {});
  const write = (line: string): void => {
    if (stdout.writableLength < MAX_UNREAD_BYTES) stdout.write(line);
  };
  // Ours stand under `err`, those of Temporal's SDK under `error`.
  const serializers = { err: logged, error: logged };
  return {
    log: pino({ name, level, base: { name }, serializers }, { write }),
    written: async (withinMs) => {
      if (stdout.writableLength === 0) return;
      const all = new Promise<void>((resolve) => stdout.write('', () => resolve()));
      await Promise.race([all, pause(withinMs)]);
    },
  };
}

/** Not what pino makes of an error: with all fields and causes, a failed query would put what people are into the log. */
function logged(thrown: unknown) {
  const error = plainError(thrown);
  return {
    type: error.constructor.name,
    message: error.message,
    stack: error.stack,
    code: 'code' in error ? error.code : undefined,
    cause: error.cause === undefined ? undefined : plainError(error.cause).message,
  };
}
