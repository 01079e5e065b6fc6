import type { RequestHandler } from 'express';
import type { Logger } from 'pino';
import type { Metrics } from './metrics.ts';

/** What watches the process asks all the time: it is logged as debug. */
const WATCHERS = ['/healthz', '/readyz', '/metrics'];

/**
 * Counts each request, and writes a line for it when it has ended: the route as it is declared, not the path that was asked for, so
 * that nothing of a person gets into the log.
 */
export function requestLog(log: Logger, metrics: Pick<Metrics, 'served'>): RequestHandler {
  return ({ method }, response, next) => {
    const startedAt = performance.now();
    response.once('close', () => {
      const { requestId, route: known, caller } = response.locals;
      const route: string = known?.path ?? 'none';
      const durationMs = Math.round(performance.now() - startedAt);
      const status = response.writableFinished ? response.statusCode : 499;
      metrics.served({ method, route, status, seconds: durationMs / 1000 });
      const level = WATCHERS.includes(route) ? 'debug' : 'info';
      log[level]({ requestId, method, route, status, durationMs, key: caller?.key }, 'request');
    });
    next();
  };
}
