import type { Logger } from 'pino';
import { TemporalAway } from './carry.ts';

export type AwayLog = ReturnType<typeof createAwayLog>;

/** Says once that Temporal is away, and once that it is back, however many loops find out. */
export function createAwayLog(log: Logger) {
  let isAway = false;
  return {
    isBack() {
      if (isAway) log.warn('Temporal is back');
      isAway = false;
    },
    onError(error: unknown) {
      if (!(error instanceof TemporalAway)) return log.error({ err: error }, 'commands could not be carried');
      if (!isAway) log.warn({ err: error.cause }, 'Temporal takes no commands; commands wait in Postgres');
      isAway = true;
    },
  };
}
