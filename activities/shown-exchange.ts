import { redactBytes, redactHeaders } from '../domain/request/redact.ts';
import { shownError } from '../domain/request/shown-error.ts';
import type { Exchange } from './http.ts';

const MAX_STORED_BODY_BYTES = 16 * 1024;

/** An exchange as it may be stored and shown: without the secrets that its request had, times in whole milliseconds. */
export function shownExchange(exchange: Exchange, secrets: readonly string[]) {
  const error = exchange.error ?? exchange.bodyError;
  return {
    class: exchange.class,
    durationMs: Math.round(exchange.durationMs),
    phases: Object.fromEntries(Object.entries(exchange.phases).map(([phase, ms]) => [phase, Math.round(ms)])),
    status: exchange.status,
    error: error && shownError(error, secrets),
    responseHeaders: redactHeaders(exchange.headers, secrets),
    // Cut after secrets are gone, so that none leaves its beginning.
    responseBody: redactBytes(exchange.body, secrets).subarray(0, MAX_STORED_BODY_BYTES),
    truncated: exchange.truncated || exchange.body.length > MAX_STORED_BODY_BYTES,
  };
}
