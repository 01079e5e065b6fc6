import { afterEach, describe, expect, it } from 'vitest';
import { createHttp, type Http } from '../../activities/http.ts';
import { closeOnNextRequest, respond } from '../support/behaviours.ts';
import { cert, key } from '../support/certificate.ts';
import { type Receiver, startReceiver } from '../support/receiver.ts';

const opened: { close(): Promise<void> }[] = [];
afterEach(async () => {
  await Promise.all(opened.splice(0).map((each) => each.close()));
});

async function start(options: { ca?: string }): Promise<{ receiver: Receiver; http: Http }> {
  const receiver = await startReceiver({ tls: { key, cert } });
  const lookup = async () => [{ address: '127.0.0.1', family: 4 }];
  const http = createHttp({
    allowHttp: false,
    allowNetworks: ['127.0.0.0/8'],
    lookup,
    ...(options.ca ? { ca: options.ca } : {}),
  });
  opened.push(http, receiver);
  return { receiver, http };
}

const get = (http: Http, url: string) =>
  http.send({ method: 'GET', url, headers: [], body: null }, { timeoutMs: 1_000 });

describe('https', () => {
  it('trusts a certificate of the host name, and keeps the connection', async () => {
    const { receiver, http } = await start({ ca: cert });
    receiver.on('/', respond({ body: 'secret' }));
    const url = receiver.url('/').replace('127.0.0.1', 'receiver.test');
    const first = await get(http, url);
    expect(first).toMatchObject({ class: 'sent', remoteAddress: '127.0.0.1' });
    expect(first.body.toString()).toBe('secret');
    expect(Object.keys(first.phases)).toEqual(['dns', 'connect', 'tls', 'headers', 'body']);
    expect((await get(http, url)).class).toBe('sent');
    expect(receiver.connections.accepted).toBe(1);
  });

  it('trusts a certificate of the literal address', async () => {
    const { receiver, http } = await start({ ca: cert });
    receiver.on('/', respond({ headers: { connection: 'close' } }));
    expect(await get(http, receiver.url('/'))).toMatchObject({ class: 'sent', remoteAddress: '127.0.0.1' });
  });

  it('replaces a kept connection that the receiver closed', async () => {
    const { receiver, http } = await start({ ca: cert });
    receiver.on('/', closeOnNextRequest(), respond());
    await get(http, receiver.url('/'));
    expect(await get(http, receiver.url('/'))).toMatchObject({ class: 'sent', replaced: true });
  });

  it('refuses a self-signed certificate, and sends nothing', async () => {
    const { receiver, http } = await start({});
    expect(await get(http, receiver.url('/'))).toMatchObject({
      class: 'retryable',
      phase: 'tls',
      error: {
        code: 'tls_certificate',
        message: "the receiver's certificate is not trusted (self-signed certificate)",
      },
    });
    expect(receiver.requests).toHaveLength(0);
  });

  it('refuses a certificate of another host', async () => {
    const { receiver, http } = await start({ ca: cert });
    const exchange = await get(http, receiver.url('/').replace('127.0.0.1', 'other.test'));
    expect(exchange).toMatchObject({ class: 'retryable', phase: 'tls', error: { code: 'tls_certificate' } });
    expect(receiver.requests).toHaveLength(0);
  });

  it('never falls back to plain http where the port speaks no TLS', async () => {
    const receiver = await startReceiver({ onConnection: (socket) => socket.end('HTTP/1.1 400 Bad Request\r\n\r\n') });
    const http = createHttp({ allowHttp: true, allowNetworks: ['127.0.0.0/8'] });
    opened.push(http, receiver);
    const exchange = await get(http, receiver.url('/').replace('http:', 'https:'));
    expect(exchange).toMatchObject({ class: 'retryable', status: null, phase: 'tls', error: { code: 'tls_protocol' } });
    expect(receiver.connections.accepted).toBe(1);
  });

  it('says so where the receiver hangs up during the handshake', async () => {
    const receiver = await startReceiver({ onConnection: (socket) => socket.destroy() });
    const http = createHttp({ allowHttp: true, allowNetworks: ['127.0.0.0/8'] });
    opened.push(http, receiver);
    const exchange = await get(http, receiver.url('/').replace('http:', 'https:'));
    expect(exchange).toMatchObject({ class: 'retryable', phase: 'tls', error: { code: 'tls_protocol' } });
  });

  it('ends a handshake that never ends at the timeout', async () => {
    const receiver = await startReceiver({ onConnection: () => {} });
    const http = createHttp({ allowHttp: false, allowNetworks: ['127.0.0.0/8'] });
    opened.push(http, receiver);
    const exchange = await get(http, receiver.url('/').replace('http:', 'https:'));
    expect(exchange).toMatchObject({ class: 'retryable', phase: 'tls', error: { code: 'connect_timeout' } });
    expect(exchange.durationMs).toBeLessThan(1_250);
  });
});
