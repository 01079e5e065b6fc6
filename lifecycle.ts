import pino, { type Logger } from 'pino';
import { environment, loadConfig, type Config } from './config.ts';
import { plainError } from './db/plain-error.ts';
import { HooklineError } from './domain/errors.ts';

/** `npm start` kills its processes after 7 s. Whatever is cut off then is taken up again, as after any other end. */
const STOP_WITHIN_MS = 6_500;

export type Running = {
  stop(): Promise<void>;
  /** Rejects when the process cannot go on. */
  failed?: Promise<never>;
};

/**
 * Runs one process from its start to its end: it stops on SIGINT, SIGTERM, or when the process that started it is gone.
 * Exit code 0 when it was asked to stop, 1 with the reason otherwise. A second signal is the same signal, sent to the group.
 */
export async function runProcess(
  name: 'server' | 'worker',
  start: (config: Config, log: Logger) => Promise<Running>,
): Promise<void> {
  const config = readConfig(name);
  // Ours stand under `err`, those of Temporal's SDK under `error`.
  const serializers = { err: logged, error: logged };
  const log = pino({ name, level: config.logLevel, base: { name }, serializers });
  const asked = new Promise<void>((resolve) => {
    for (const event of ['SIGINT', 'SIGTERM', 'disconnect'] as const) process.on(event, () => resolve());
  });
  try {
    const running = await Promise.race([start(config, log), asked]);
    if (running) {
      log.info(`${name} ready`);
      process.send?.({ type: 'ready' });
      await Promise.race([asked, running.failed ?? asked]);
      const late = setTimeout(() => {
        log.warn(`${name} did not end in time and is cut off`);
        process.exit(0);
      }, STOP_WITHIN_MS);
      await running.stop();
      clearTimeout(late);
    }
    process.exit(0);
  } catch (error) {
    log.fatal({ err: error }, error instanceof HooklineError ? error.message : `${name} cannot go on`);
    process.exit(1);
  }
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

/** A wrong value stops the process at once; its text says all there is to say. */
function readConfig(name: 'server' | 'worker'): Config {
  try {
    return loadConfig(environment, name);
  } catch (error) {
    if (!(error instanceof HooklineError)) throw error;
    process.stderr.write(`${error.message}\n`);
    process.exit(1);
  }
}
