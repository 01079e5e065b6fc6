import { describe, expect, it } from 'vitest';
import { HooklineError } from '../../../domain/errors.ts';
import { classifyError, classifyStatus, classifyTimeout } from '../../../domain/delivery/outcome.ts';

const failure = (code: string, message = 'text') => Object.assign(new Error(message), { code });

describe('classifyStatus', () => {
  it.each([
    [200, 'sent', 'ok'],
    [204, 'sent', 'ok'],
    [299, 'sent', 'ok'],
    [304, 'rejected', 'redirect_not_followed'],
    [400, 'rejected', 'client_error'],
    [401, 'rejected', 'client_error'],
    [408, 'retryable', 'client_error'],
    [409, 'retryable', 'client_error'],
    [410, 'rejected', 'client_error'],
    [422, 'rejected', 'client_error'],
    [425, 'retryable', 'client_error'],
    [429, 'retryable', 'rate_limited'],
    [500, 'retryable', 'server_error'],
    [501, 'retryable', 'server_error'],
    [599, 'retryable', 'server_error'],
    [101, 'rejected', 'invalid_status'],
    [600, 'rejected', 'invalid_status'],
    [999, 'rejected', 'invalid_status'],
  ])('takes %i for %s, %s', (status, expected, code) => {
    expect(classifyStatus(status)).toMatchObject({ class: expected, code });
  });

  it("shows a redirect's host and what to do, not its path", () => {
    expect(classifyStatus(307, 'https://other.example/in?token=s3cret').message).toBe(
      "the receiver answered 307 (to other.example): redirects are not followed; put the final address into the webhook's url",
    );
    expect(classifyStatus(301, '/elsewhere').message).not.toContain('elsewhere');
  });
});

describe('classifyError', () => {
  it.each([
    ['ENOTFOUND', 'dns_not_found'],
    ['EAI_AGAIN', 'dns_temporary'],
    ['ESERVFAIL', 'dns_temporary'],
    ['ETIMEOUT', 'dns_temporary'],
    ['ECONNREFUSED', 'connect_refused'],
    ['ETIMEDOUT', 'connect_timeout'],
    ['UND_ERR_CONNECT_TIMEOUT', 'connect_timeout'],
    ['EHOSTUNREACH', 'unreachable'],
    ['ENETUNREACH', 'unreachable'],
    ['DEPTH_ZERO_SELF_SIGNED_CERT', 'tls_certificate'],
    ['SELF_SIGNED_CERT_IN_CHAIN', 'tls_certificate'],
    ['UNABLE_TO_VERIFY_LEAF_SIGNATURE', 'tls_certificate'],
    ['CERT_HAS_EXPIRED', 'tls_certificate'],
    ['ERR_TLS_CERT_ALTNAME_INVALID', 'tls_certificate'],
    ['ERR_SSL_WRONG_VERSION_NUMBER', 'tls_protocol'],
    ['ERR_SSL_TLSV1_ALERT_PROTOCOL_VERSION', 'tls_protocol'],
    ['EPROTO', 'tls_protocol'],
    ['UND_ERR_HEADERS_TIMEOUT', 'timeout'],
    ['ECONNRESET', 'connection_lost'],
    ['EPIPE', 'connection_lost'],
    ['UND_ERR_SOCKET', 'connection_lost'],
    ['UND_ERR_RES_CONTENT_LENGTH_MISMATCH', 'protocol_error'],
    ['HPE_INVALID_CONSTANT', 'protocol_error'],
    ['UND_ERR_HEADERS_OVERFLOW', 'protocol_error'],
    ['UND_ERR_DESTROYED', 'cancelled'],
    ['ESOMETHINGNEW', 'unexpected'],
  ])('takes %s for %s, which is retryable', (code, expected) => {
    expect(classifyError(failure(code))).toMatchObject({ class: 'retryable', code: expected });
  });

  it('takes a reset during the handshake for a TLS failure', () => {
    const message = 'Client network socket disconnected before secure TLS connection was established';
    expect(classifyError(failure('ECONNRESET', message)).code).toBe('tls_protocol');
  });

  it('looks into causes and into the errors of several addresses', () => {
    const several = new AggregateError([failure('ENETUNREACH'), failure('ECONNREFUSED')]);
    expect(classifyError(new Error('fetch failed', { cause: several })).code).toBe('unreachable');
  });

  it('survives what is no error, and a cause that is its own cause', () => {
    const circular: Error & { cause?: unknown } = new Error('round');
    circular.cause = circular;
    expect(classifyError(circular)).toEqual({ class: 'retryable', code: 'unexpected', message: 'round' });
    expect(classifyError('text')).toEqual({ class: 'retryable', code: 'unexpected', message: 'text' });
  });

  it('never retries a blocked destination or a request that cannot be sent', () => {
    expect(classifyError(new HooklineError('delivery.blocked', 'no'))).toEqual({
      class: 'blocked',
      code: 'delivery.blocked',
      message: 'no',
    });
    expect(classifyError(failure('UND_ERR_INVALID_ARG', 'invalid x-team header'))).toEqual({
      class: 'blocked',
      code: 'invalid_request',
      message: 'the request cannot be sent as it is (invalid x-team header)',
    });
  });

  it('keeps addresses out of the text', () => {
    expect(classifyError(failure('ECONNREFUSED', 'connect ECONNREFUSED 10.0.0.1:443')).message).toBe(
      'the connection was refused (ECONNREFUSED)',
    );
  });
});

describe('classifyTimeout', () => {
  it.each([
    ['dns', 'connect_timeout', 'DNS did not answer within 4000 ms'],
    ['tls', 'connect_timeout', 'the TLS handshake did not end within 4000 ms'],
    ['send', 'timeout', 'the receiver did not read the whole request within 4000 ms'],
    ['headers', 'timeout', 'the receiver did not answer within 4000 ms'],
  ] as const)('names the %s phase', (phase, code, message) => {
    expect(classifyTimeout(phase, 4_000)).toEqual({ class: 'retryable', code, message });
  });
});
