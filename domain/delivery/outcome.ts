import { HooklineError } from '../errors.ts';

/** What an attempt comes to: `retryable` leads to another attempt while the policy allows it, `rejected` and `blocked` never do. */
export type AttemptClass = 'sent' | 'retryable' | 'rejected' | 'blocked';

/** The finer name of what happened, as the attempt's row and the API show it. */
export type OutcomeCode =
  | 'ok'
  | 'redirect_not_followed'
  | 'client_error'
  | 'rate_limited'
  | 'server_error'
  | 'invalid_status'
  | 'dns_not_found'
  | 'dns_temporary'
  | 'connect_refused'
  | 'connect_timeout'
  | 'unreachable'
  | 'tls_certificate'
  | 'tls_protocol'
  | 'timeout'
  | 'connection_lost'
  | 'protocol_error'
  | 'cancelled'
  | 'delivery.blocked'
  | 'invalid_request'
  | 'unexpected';

export type Outcome = { class: AttemptClass; code: OutcomeCode; message: string };

/** Where in an exchange the time went, in order. */
export type Phase = 'dns' | 'connect' | 'tls' | 'send' | 'headers' | 'body';

const retryableClientErrors = new Set([408, 409, 425, 429]);

/**
 * Classifies a final HTTP status (RFC 9110): the head of an answer decides, whatever becomes of its body.
 * @param location the `Location` header of a redirect; only its host is shown.
 */
export function classifyStatus(status: number, location?: string): Outcome {
  const message = `the receiver answered ${status}`;
  if (status >= 200 && status <= 299) return { class: 'sent', code: 'ok', message };
  if (status >= 300 && status <= 399) {
    const target = location !== undefined && URL.canParse(location) ? ` (to ${new URL(location).host})` : '';
    const advice = `redirects are not followed; put the final address into the webhook's url`;
    return { class: 'rejected', code: 'redirect_not_followed', message: `${message}${target}: ${advice}` };
  }
  if (status === 429) return { class: 'retryable', code: 'rate_limited', message };
  if (status >= 400 && status <= 499) {
    return { class: retryableClientErrors.has(status) ? 'retryable' : 'rejected', code: 'client_error', message };
  }
  if (status >= 500 && status <= 599) return { class: 'retryable', code: 'server_error', message };
  return { class: 'rejected', code: 'invalid_status', message: `${message}, which is no final HTTP status` };
}

/** Classifies the end of an attempt's time by the phase that it ended in. */
export function classifyTimeout(phase: Phase | null, timeoutMs: number): Outcome {
  const waitedFor: Record<Phase, string> = {
    dns: 'DNS did not answer',
    connect: 'the connection was not established',
    tls: 'the TLS handshake did not end',
    send: 'the receiver did not read the whole request',
    headers: 'the receiver did not answer',
    body: 'the answer did not end',
  };
  const connecting = phase === null || phase === 'dns' || phase === 'connect' || phase === 'tls';
  return {
    class: 'retryable',
    code: connecting ? 'connect_timeout' : 'timeout',
    message: `${waitedFor[phase ?? 'connect']} within ${timeoutMs} ms`,
  };
}

type Rule = { matches: RegExp; class: AttemptClass; code: OutcomeCode; message: string };

/** Codes of Node.js, OpenSSL and undici (matched as "CODE message", or the name of an error without code), first match wins. */
const rules: Rule[] = [
  rule(/^(ENOTFOUND|ENODATA|EAI_NONAME|EAI_NODATA) /, 'dns_not_found', 'the host name does not exist'),
  rule(/^(EAI_\w+|ETIMEOUT|ESERVFAIL|EREFUSED|ECANCELLED) /, 'dns_temporary', 'the host name could not be looked up'),
  rule(/^ECONNREFUSED /, 'connect_refused', 'the connection was refused'),
  rule(/^(UND_ERR_CONNECT_TIMEOUT|ETIMEDOUT) /, 'connect_timeout', 'the connection was not established in time'),
  rule(/^(EHOSTUNREACH|ENETUNREACH|EADDRNOTAVAIL|EACCES) /, 'unreachable', 'the network does not reach the host'),
  rule(
    /^(CERT_|DEPTH_ZERO_|SELF_SIGNED_|UNABLE_TO_|CRL_|INVALID_(CA|PURPOSE) |HOSTNAME_MISMATCH |ERR_TLS_CERT_)/,
    'tls_certificate',
    "the receiver's certificate is not trusted",
  ),
  rule(/^(ERR_SSL_|ERR_TLS_|EPROTO )|before secure TLS connection/, 'tls_protocol', 'the TLS handshake failed'),
  rule(/^UND_ERR_(HEADERS|BODY)_TIMEOUT /, 'timeout', 'the answer did not come in time'),
  rule(
    /^(HPE_|HTTPParserError |UND_ERR_HEADERS_OVERFLOW |UND_ERR_SOCKET bad response)/,
    'protocol_error',
    'the answer is not valid HTTP/1.1',
  ),
  rule(
    /^UND_ERR_RES_CONTENT_LENGTH_MISMATCH /,
    'protocol_error',
    'the answer is not as long as its Content-Length says',
  ),
  {
    matches: /^UND_ERR_SOCKET bad upgrade/,
    class: 'rejected',
    code: 'invalid_status',
    message: 'the receiver answered 101, which is no final HTTP status',
  },
  rule(
    /^(ECONNRESET|EPIPE|ECONNABORTED|UND_ERR_SOCKET) /,
    'connection_lost',
    'the receiver closed the connection before its answer was complete',
  ),
  rule(/^(UND_ERR_(DESTROYED|CLOSED|ABORTED?|INFO)|ABORT_ERR) /, 'cancelled', 'the request was cancelled'),
  {
    matches: /^(UND_ERR_(INVALID_ARG|REQ_CONTENT_LENGTH_MISMATCH)|ERR_INVALID_\w+) /,
    class: 'blocked',
    code: 'invalid_request',
    message: 'the request cannot be sent as it is',
  },
];

function rule(matches: RegExp, code: OutcomeCode, message: string): Rule {
  return { matches, class: 'retryable', code, message };
}

/** Codes whose original text says more than the code does, and holds no address. */
const telling = new Set<OutcomeCode>(['tls_certificate', 'tls_protocol', 'protocol_error', 'invalid_request']);

/**
 * Classifies what a request failed with before the head of an answer: the error, the errors of an AggregateError (several
 * addresses) and their causes are searched for the first known code. An unknown one is retryable.
 */
export function classifyError(error: unknown): Outcome {
  const chain = unfold(error);
  for (const each of chain) {
    if (each instanceof HooklineError && each.code === 'delivery.blocked') {
      return { class: 'blocked', code: 'delivery.blocked', message: each.message };
    }
    const code = 'code' in each && each.code ? String(each.code) : each.name;
    const known = rules.find(({ matches }) => matches.test(`${code} ${each.message}`));
    if (known) {
      const detail = telling.has(known.code) && each.message ? each.message : code;
      return { class: known.class, code: known.code, message: `${known.message} (${detail})` };
    }
  }
  return { class: 'retryable', code: 'unexpected', message: chain[0]?.message ?? String(error) };
}

function unfold(error: unknown, depth = 0): Error[] {
  if (!(error instanceof Error) || depth > 5) return [];
  const several: unknown[] = error instanceof AggregateError ? error.errors : [];
  return [error, ...several.flatMap((each) => unfold(each, depth + 1)), ...unfold(error.cause, depth + 1)];
}
