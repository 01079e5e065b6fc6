import { rateWindow } from '../domain/delivery/rate-limit.ts';

/** What a key may still ask for, in the terms of the header `RateLimit`. */
export type Quota = {
  allowed: boolean;
  /** So many requests in a window of so many seconds. */
  limit: number;
  windowS: number;
  /** So many at once from now on, and all of them again in so many seconds. */
  remaining: number;
  resetS: number;
  /** When the next one is allowed, in seconds; 0: at once. */
  retryAfterS: number;
};

/**
 * Counts requests at a rate such as `100/s`: a full window's worth may come at once, and each comes back after its share of the
 * window (GCRA). A request that is refused does not count.
 */
export function createQuota(rate: string): (nowMs: number) => Quota {
  const { times, windowMs } = rateWindow(rate);
  const shareMs = windowMs / times;
  /** When all requests so far are paid for. */
  let paidAtMs = 0;
  return (nowMs) => {
    const owedMs = Math.max(0, paidAtMs - nowMs);
    const allowed = owedMs + shareMs <= windowMs + 1e-6;
    const nextOwedMs = allowed ? owedMs + shareMs : owedMs;
    paidAtMs = nowMs + nextOwedMs;
    return {
      allowed,
      limit: times,
      windowS: windowMs / 1000,
      remaining: Math.floor((windowMs - nextOwedMs) / shareMs + 1e-6),
      resetS: Math.ceil(nextOwedMs / 1000),
      retryAfterS: allowed ? 0 : Math.max(1, Math.ceil((owedMs + shareMs - windowMs) / 1000)),
    };
  };
}
