import type { Logger as TemporalLogger } from '@temporalio/worker';
import type { Logger } from 'pino';

/** The SDK's log lines in ours: pino takes the details first. */
export function temporalLogger(log: Logger): TemporalLogger {
  const at = (level: 'trace' | 'debug' | 'info' | 'warn' | 'error') => (message: string, meta?: object) =>
    log[level]({ ...meta }, message);
  return {
    log: (level, message, meta) => at(LEVELS[level])(message, meta),
    trace: at('trace'),
    debug: at('debug'),
    info: at('debug'),
    warn: at('warn'),
    error: at('error'),
  };
}

/** The SDK's INFO is our debug: it speaks of pollers and caches. */
const LEVELS = { TRACE: 'trace', DEBUG: 'debug', INFO: 'debug', WARN: 'warn', ERROR: 'error' } as const;
