import type { Logger } from 'pino';
import { environment, loadConfig, type Config } from './config.ts';
import { HooklineError } from './domain/errors.ts';
import { createProcessLog } from './process-log.ts';

/** `npm start` kills its processes after 7 s. Whatever is cut off then is taken up again, as after any other end. */
const STOP_WITHIN_MS = 6_500;
/** How long the last lines of the log may take before the process ends without them. */
const LAST_LINES_MS = 3_000;

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
  const { log, written } = createProcessLog(name, config.logLevel);
  const exit = async (code: number, withinMs = LAST_LINES_MS): Promise<never> => {
    await written(withinMs);
    process.exit(code);
  };
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
        void exit(0, 0);
      }, STOP_WITHIN_MS);
      try {
        await running.stop();
      } finally {
        clearTimeout(late);
      }
    }
    await exit(0);
  } catch (error) {
    log.fatal({ err: error }, error instanceof HooklineError ? error.message : `${name} cannot go on`);
    await exit(1);
  }
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
