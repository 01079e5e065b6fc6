import type { TlsOptions } from 'node:tls';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createHttp } from '../../activities/http.ts';
import { cert, certOfUnknownAuthority, expiredCert, key } from '../support/certificate.ts';
import { startHostile, type Hostile, type Outcome } from '../support/hostile.ts';
import { startReceiver } from '../support/receiver.ts';

let test: Hostile;

beforeAll(async () => {
  test = await startHostile({ ca: cert + '\n' + expiredCert });
});

afterAll(() => test.stop());

const untrusted: Outcome = {
  class: 'retryable',
  phase: 'tls',
  status: null,
  error: 'tls_certificate',
  delivery: 'attempted',
  mapping: 'pending',
};
const mistaken: Outcome = { ...untrusted, error: 'tls_protocol' };

type Case = { tls: TlsOptions; host?: string; outcome: Outcome; says: RegExp };

const cases: Record<string, Case> = {
  'row 28: an expired certificate': {
    tls: { key, cert: expiredCert },
    outcome: untrusted,
    says: /certificate is not trusted \(certificate has expired\)/,
  },
  'row 28: a certificate of another host': {
    tls: { key, cert },
    host: 'other.test',
    outcome: untrusted,
    says: /certificate is not trusted \(.*other\.test/,
  },
  'row 28: a certificate of an unknown authority': {
    tls: { key, cert: certOfUnknownAuthority },
    outcome: untrusted,
    says: /certificate is not trusted \(unable to/,
  },
  'row 28: TLS 1.1 at most': {
    tls: { key, cert, minVersion: 'TLSv1', maxVersion: 'TLSv1.1', ciphers: 'DEFAULT@SECLEVEL=0' },
    outcome: mistaken,
    says: /TLS handshake failed/,
  },
  'row 28: a client certificate, asked for in TLS 1.2': {
    tls: { key, cert, requestCert: true, rejectUnauthorized: true, maxVersion: 'TLSv1.2' },
    outcome: mistaken,
    says: /TLS handshake failed/,
  },
  'row 28: a client certificate, asked for in TLS 1.3': {
    tls: { key, cert, requestCert: true, rejectUnauthorized: true },
    outcome: { ...untrusted, phase: 'headers', error: 'connection_lost' },
    says: /closed the connection/,
  },
};

describe.concurrent('a receiver whose TLS has', () => {
  it.each(Object.entries(cases))('%s gets no request, and the delivery says why', async (_, row) => {
    const receiver = await startReceiver({ tls: row.tls });
    const origin = receiver.origin.replace('127.0.0.1', row.host ?? 'receiver.test');
    const target = await test.target([], { origin });
    const { outcome, delivery } = await test.attempt(target);
    expect(outcome).toEqual(row.outcome);
    expect(delivery.error?.message).toMatch(row.says);
    expect(receiver.requests).toHaveLength(0);
    await receiver.close();
  });

  it('row 28: a self-signed certificate gets no request, and the delivery says why', async () => {
    const receiver = await startReceiver({ tls: { key, cert } });
    const http = createHttp({ allowHttp: false, allowNetworks: ['127.0.0.0/8'] });
    const target = await test.target([], { origin: receiver.origin, http });
    const { outcome, delivery } = await test.attempt(target);
    expect(outcome).toEqual(untrusted);
    expect(delivery.error?.message).toBe("the receiver's certificate is not trusted (self-signed certificate)");
    expect(receiver.requests).toHaveLength(0);
    await http.close();
    await receiver.close();
  });

  it('row 28: a handshake that never ends is given up at the timeout', async () => {
    const receiver = await startReceiver({ onConnection: () => {} });
    const target = await test.target([], { origin: receiver.origin.replace('http:', 'https:') });
    const { outcome, attempt } = await test.attempt(target);
    expect(outcome).toEqual({ ...untrusted, error: 'connect_timeout' });
    expect(attempt.durationMs).toBeGreaterThanOrEqual(990);
    await receiver.close();
  });
});

describe('a receiver that is mistaken about TLS', () => {
  it('row 16: speaks http on a port that is asked for https: never in clear', async () => {
    const received: Buffer[] = [];
    const plain = await startReceiver({
      onConnection: (socket) =>
        socket.on('data', (bytes) => {
          received.push(bytes);
          socket.end('HTTP/1.1 400 Bad Request\r\n\r\n');
        }),
    });
    const target = await test.target([], { origin: plain.origin.replace('http:', 'https:') });
    expect((await test.attempt(target)).outcome).toEqual(mistaken);
    expect(Buffer.concat(received).toString('latin1')).not.toMatch(/POST|case-/);
    await plain.close();
  });

  it('row 16: speaks TLS on a port that is asked for http', async () => {
    const secure = await startReceiver({ tls: { key, cert } });
    const target = await test.target([], { origin: secure.origin.replace('https:', 'http:') });
    const { outcome } = await test.attempt(target);
    expect(outcome).toEqual({ ...untrusted, phase: 'headers', error: expect.stringMatching(/protocol|lost/) });
    await secure.close();
  });
});
