import pino, { type Logger } from 'pino';
import { HooklineError } from './domain/errors.ts';

export type Running = {
  stop(): Promise<void>;
  /** Rejects when the process cannot go on. */
  failed?: Promise<never>;
};

/**
 * Runs one process from its start to its end: it stops on SIGINT, SIGTERM, or when the process that started it is gone.
 * Exit code 0 after an orderly stop, 1 with the reason otherwise. A second signal is the same signal, sent to the group.
 */
export async function runProcess(
  options: { name: string; logLevel: string },
  start: (log: Logger) => Promise<Running>,
): Promise<void> {
  const log = pino({ name: options.name, level: options.logLevel, base: { name: options.name } });
  const asked = new Promise<void>((resolve) => {
    for (const event of ['SIGINT', 'SIGTERM', 'disconnect'] as const) process.on(event, () => resolve());
  });
  try {
    const starting = start(log);
    const running = await Promise.race([starting, asked]);
    if (running) {
      log.info(`${options.name} ready`);
      process.send?.({ type: 'ready' });
      await Promise.race([asked, running.failed ?? asked]);
    }
    await (running ?? (await starting)).stop();
    process.exit(0);
  } catch (error) {
    log.fatal({ err: error }, error instanceof HooklineError ? error.message : `${options.name} cannot go on`);
    process.exit(1);
  }
}
