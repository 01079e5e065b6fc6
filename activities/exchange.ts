import {
  classifyError,
  classifyStatus,
  classifyTimeout,
  type Outcome,
  type Phase,
} from '../domain/delivery/outcome.ts';
import type { Connection } from './connections.ts';
import { collectBody } from './response-body.ts';

/** One request as it goes on the wire; header names and values as they are, duplicates included. */
export type HttpRequest = { method: string; url: string; headers: [string, string][]; body: string | Buffer | null };

/** What came back. A failure without a head decides the attempt; with a head it only says what is wrong with the body. */
export type Reply = {
  head: { status: number; headers: [string, string][] } | null;
  body: Buffer;
  /** The whole answer was read, or the body was cut at the limit, or what went wrong. */
  ending: 'complete' | 'too_long' | Outcome;
  /** A kept-alive socket turned out closed before any byte of an answer. */
  stale: boolean;
};

export type Trace = ReturnType<typeof startTrace>;

const MAX_INFORMATIONAL = 20;
const TOO_MANY_INFORMATIONAL = `the receiver sent over ${MAX_INFORMATIONAL} informational answers`;

/** Measures the phases of an exchange, in ms on the monotonic clock. */
export function startTrace() {
  const startedAt = performance.now();
  const phases: Partial<Record<Phase, number>> = {};
  let current: Phase | null = null;
  let since = startedAt;
  const enter = (next: Phase | null) => {
    const now = performance.now();
    if (current) phases[current] = (phases[current] ?? 0) + now - since;
    current = next;
    since = now;
  };
  return { enter, phases, phase: () => current, elapsedMs: () => performance.now() - startedAt };
}

/**
 * Sends one request on one connection and reads its answer. Settles when the answer is complete or over the limit, on the first
 * error, when the signal aborts, or when the time since the trace began reaches `timeoutMs`: whichever is first. Never rejects.
 */
export function runExchange(
  connection: Connection,
  request: HttpRequest,
  trace: Trace,
  limits: { timeoutMs: number; signal?: AbortSignal | undefined },
): Promise<Reply> {
  const url = new URL(request.url);
  const body = collectBody();
  let head: Reply['head'] = null;
  let answered = false;
  let reused = false;
  let informational = 0;

  return new Promise((resolve) => {
    const end = (ending: Reply['ending']) => {
      clearTimeout(timer);
      limits.signal?.removeEventListener('abort', onAbort);
      const lost = typeof ending === 'object' && ending.code === 'connection_lost';
      resolve({ head, body: body.bytes(), ending, stale: lost && reused && !answered });
    };
    const onAbort = () => end({ class: 'retryable', code: 'cancelled', message: 'the request was cancelled' });
    const onTimeout = () => {
      const unsent = trace.phase() === 'headers' && (connection.socket?.writableLength ?? 0) > 0;
      if (unsent) trace.enter('send');
      end(classifyTimeout(trace.phase(), limits.timeoutMs));
    };
    const timer = setTimeout(onTimeout, Math.max(0, limits.timeoutMs - trace.elapsedMs()));
    if (limits.signal?.aborted) return onAbort();
    limits.signal?.addEventListener('abort', onAbort, { once: true });

    connection.enter = trace.enter;
    connection.client.dispatch(
      { path: url.pathname + url.search, method: request.method, headers: request.headers.flat(), body: request.body },
      {
        onRequestStart() {
          trace.enter('headers');
          reused = connection.served > 0;
          connection.served += 1;
        },
        onResponseStarted() {
          answered = true;
        },
        onResponseStart(controller, status) {
          if (status >= 100 && status < 200 && status !== 101) {
            informational += 1;
            if (informational <= MAX_INFORMATIONAL) return;
            return end({ class: 'retryable', code: 'protocol_error', message: TOO_MANY_INFORMATIONAL });
          }
          head = { status, headers: headerPairs(controller.rawHeaders) };
          trace.enter('body');
          if (status < 200) end(classifyStatus(status));
        },
        onResponseData(_controller, chunk) {
          if (!body.add(chunk)) end('too_long');
        },
        onResponseEnd: () => end('complete'),
        onResponseError: (_controller, error) => end(classifyError(error)),
      },
    );
  });
}

/** undici gives raw header lines as a flat list of byte pairs; HTTP's own bytes are Latin-1. */
function headerPairs(raw: unknown): [string, string][] {
  const texts = Array.isArray(raw)
    ? raw.map((part) => (Buffer.isBuffer(part) ? part.toString('latin1') : String(part)))
    : [];
  const pairs: [string, string][] = [];
  for (let at = 0; at + 1 < texts.length; at += 2) {
    pairs.push([(texts[at] ?? '').toLowerCase(), texts[at + 1] ?? '']);
  }
  return pairs;
}
