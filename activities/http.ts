import { blocked, type DestinationRules, judgeUrl } from '../domain/delivery/address.ts';
import {
  type AttemptClass,
  classifyError,
  classifyStatus,
  type Outcome,
  type Phase,
} from '../domain/delivery/outcome.ts';
import { parseRetryAfter } from '../domain/delivery/retry.ts';
import { createConnections } from './connections.ts';
import { type HttpRequest, type Reply, runExchange, startTrace, type Trace } from './exchange.ts';
import { createDial, type Lookup } from './guard.ts';
import { decodeBody } from './response-body.ts';

/** One HTTP exchange of a delivery: everything that its attempt's row shows. */
export type Exchange = {
  class: AttemptClass;
  /** Null if no head of an answer arrived. */
  status: number | null;
  /** Names in lower case, values as received (Latin-1), duplicates kept. */
  headers: [string, string][];
  /** After decompression, at most 256 KiB, of a longer one the first 32 KiB; the raw bytes where they could not be decoded. */
  body: Buffer;
  /** The body was longer than what was kept. */
  truncated: boolean;
  /** Why the body is not whole. The status alone decides the class. */
  bodyError: { code: string; message: string } | null;
  durationMs: number;
  /** The phase that the exchange ended in; null if it never began. */
  phase: Phase | null;
  /** Milliseconds spent in each phase. `headers` includes sending the request. */
  phases: Partial<Record<Phase, number>>;
  /** Null if the class is `sent`. */
  error: { code: string; message: string } | null;
  /** What the receiver asked for on a retryable status, unclamped. */
  retryAfterMs: number | null;
  remoteAddress?: string;
  /** The request went out a second time, on a fresh connection, because a kept-alive one turned out closed. */
  replaced: boolean;
};

export type Http = {
  /**
   * Sends a request once and reads its answer within one wall-clock budget, from look-up to last body byte; at its end the
   * connection is closed. Never throws for anything that a receiver or the network does: the class says what it came to.
   * Userinfo in the URL is not sent (it belongs into an Authorization header); the method goes out as it is.
   */
  send(request: HttpRequest, limits: { timeoutMs: number; signal?: AbortSignal }): Promise<Exchange>;
  /** Closes all connections; exchanges in flight end as `cancelled`. */
  close(): Promise<void>;
};

/**
 * The guarded HTTP client. Redirects are never followed, connections are kept for 4 s.
 * @param options.lookup replaces DNS. @param options.ca PEM of authorities to trust instead of those of Node.js.
 */
export function createHttp(options: DestinationRules & { lookup?: Lookup; ca?: string }): Http {
  const connections = createConnections(createDial(options, options.lookup, options.ca));

  return {
    async send(request, limits) {
      const trace = startTrace();
      const refusal = refuse(request.url, options);
      if (refusal) return toExchange({ head: null, body: Buffer.alloc(0), ending: refusal, stale: false }, trace);

      const url = new URL(request.url);
      const outgoing = { ...request, headers: withIdentity(request.headers) };
      let connection = connections.take(url);
      let reply = await runExchange(connection, outgoing, trace, limits);
      const replaced = reply.stale;
      if (replaced) {
        connections.discard(connection);
        connection = connections.open(url);
        reply = await runExchange(connection, outgoing, trace, limits);
      }
      const { remoteAddress } = connection;
      if (reply.ending === 'complete') connections.keep(connection);
      else connections.discard(connection);
      return {
        ...(await toExchange(reply, trace)),
        ...(remoteAddress === undefined ? {} : { remoteAddress }),
        replaced,
      };
    },
    async close() {
      connections.close();
    },
  };
}

function refuse(text: string, rules: DestinationRules): Outcome | null {
  if (!URL.canParse(text)) return { class: 'blocked', code: 'invalid_request', message: 'the URL cannot be parsed' };
  const url = new URL(text);
  const judgement = judgeUrl(url, rules);
  return judgement.allowed ? null : classifyError(blocked(url, judgement.reason));
}

/** Without a wish of the user's, answers come uncompressed: no inflation to guard against. */
function withIdentity(headers: [string, string][]): [string, string][] {
  const chosen = headers.some(([name]) => name.toLowerCase() === 'accept-encoding');
  return chosen ? headers : [...headers, ['accept-encoding', 'identity']];
}

async function toExchange(reply: Reply, trace: Trace): Promise<Exchange> {
  const phase = trace.phase();
  trace.enter(null);
  const durationMs = trace.elapsedMs();
  const headers = reply.head?.headers ?? [];
  const values = (name: string) => headers.filter(([each]) => each === name).map(([, value]) => value);

  const decoded = await decodeBody(reply.body, values('content-encoding').join(','));
  const failure = typeof reply.ending === 'object' ? reply.ending : null;
  const truncated = reply.ending === 'too_long' || decoded.truncated;
  const outcome = reply.head ? classifyStatus(reply.head.status, values('location')[0]) : failure;
  if (!outcome) throw new Error('an exchange ended with neither an answer nor a failure');
  return {
    class: outcome.class,
    status: reply.head?.status ?? null,
    headers,
    body: decoded.bytes,
    truncated,
    bodyError: reply.head ? bodyError(failure, truncated, decoded.undecodable) : null,
    durationMs,
    phase,
    phases: trace.phases,
    error: outcome.class === 'sent' ? null : { code: outcome.code, message: outcome.message },
    retryAfterMs:
      reply.head && outcome.class === 'retryable'
        ? parseRetryAfter(values('retry-after'), new Date(), values('date')[0])
        : null,
    replaced: false,
  };
}

function bodyError(failure: Outcome | null, truncated: boolean, undecodable: boolean): Exchange['bodyError'] {
  if (failure) return { code: failure.code, message: failure.message };
  if (truncated) return { code: 'body_too_large', message: 'the answer is longer than 256 KiB; the rest was not read' };
  if (undecodable)
    return { code: 'body_undecodable', message: 'the answer cannot be decoded as its Content-Encoding says' };
  return null;
}
