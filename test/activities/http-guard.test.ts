import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createHttp, type Http } from '../../activities/http.ts';
import type { Lookup } from '../../activities/guard.ts';
import { type Receiver, startReceiver } from '../support/receiver.ts';

let receiver: Receiver;
const clients: Http[] = [];

beforeEach(async () => {
  receiver = await startReceiver();
});

afterEach(async () => {
  await Promise.all(clients.splice(0).map((client) => client.close()));
  await receiver.close();
});

function open(options: Partial<Parameters<typeof createHttp>[0]> = {}): Http {
  const client = createHttp({ allowHttp: true, allowNetworks: [], ...options });
  clients.push(client);
  return client;
}

const get = (client: Http, url: string, limits: { timeoutMs: number; signal?: AbortSignal } = { timeoutMs: 1_000 }) =>
  client.send({ method: 'GET', url, headers: [], body: null }, limits);

/** The receiver under another host name. */
const named = (host: string) => receiver.origin.replace('127.0.0.1', host);

const resolves = (...addresses: string[]): Lookup & { calls: string[] } => {
  const calls: string[] = [];
  const lookup = (hostname: string) => {
    calls.push(hostname);
    return Promise.resolve(addresses.map((address) => ({ address, family: address.includes(':') ? 6 : 4 })));
  };
  return Object.assign(lookup, { calls });
};

describe('a blocked destination', () => {
  it.each([
    ['a literal address', () => receiver.origin],
    ['localhost', () => named('localhost')],
    ['an address in decimal', () => named('2130706433')],
    ['an IPv4-mapped address', () => named('[::ffff:7f00:1]')],
    ['the unspecified address', () => named('0.0.0.0')],
    ['a name behind userinfo', () => named('good.example@127.0.0.1')],
  ])('gets no packet: %s', async (_what, url) => {
    const exchange = await get(open(), url());
    expect(exchange).toMatchObject({ class: 'blocked', status: null, error: { code: 'delivery.blocked' } });
    expect(exchange.error?.message).toContain('HOOKLINE_ALLOW_NETWORKS');
    expect(receiver.connections.accepted).toBe(0);
  });

  it.each([
    ['to a private address', resolves('127.0.0.1')],
    ['to a public and a private address', resolves('203.0.112.1', '127.0.0.1')],
    ['to an IPv4-mapped address', resolves('::ffff:7f00:1')],
    ['to a NAT64 address', resolves('64:ff9b::7f00:1')],
  ])('gets no packet: a name that resolves %s, which the text does not show', async (_what, lookup) => {
    const exchange = await get(open({ lookup }), named('hooks.example.com'));
    expect(exchange).toMatchObject({ class: 'blocked', error: { code: 'delivery.blocked' } });
    expect(exchange.error?.message).toMatch(/^hooks\.example\.com:\d+ is not allowed: its address is not public/);
    expect(exchange.error?.message).not.toContain('127.0.0.1');
    expect(receiver.connections.accepted).toBe(0);
  });

  it('stays blocked where a name rebinds after it was allowed', async () => {
    const answers = ['127.0.0.1', '127.0.0.2'];
    const lookup: Lookup = async () => [{ address: answers.shift() ?? '', family: 4 }];
    const client = open({ lookup, allowNetworks: ['127.0.0.1/32'] });
    receiver.on('/', (socket) => socket.end('HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: 0\r\n\r\n'));
    expect((await get(client, named('rebind.example'))).class).toBe('sent');
    expect((await get(client, named('rebind.example'))).class).toBe('blocked');
    expect(receiver.requests).toHaveLength(1);
  });

  it.each([
    ['169.254.169.254', '169.254.169.254'],
    ['[fe80::1]', 'fe80::1'],
    ['[::ffff:a9fe:a9fe]', '::ffff:169.254.169.254'],
    ['[fd00:ec2::254]', 'fd00:ec2::254'],
  ])('is %s, link-local or metadata, also behind a name, where all networks are open', async (host, address) => {
    const client = open({ lookup: resolves(address), allowNetworks: ['0.0.0.0/0', '::/0'] });
    for (const url of [`http://${host}/latest/meta-data`, 'http://metadata.example/latest/meta-data']) {
      const exchange = await get(client, url);
      expect(exchange).toMatchObject({ class: 'blocked', status: null });
      expect(exchange.error?.message).toContain('link-local and cloud metadata addresses are never contacted');
    }
  });

  it('is plain http, unless allowed, and the error says how', async () => {
    const exchange = await get(open({ allowHttp: false, allowNetworks: ['127.0.0.0/8'] }), receiver.origin);
    expect(exchange).toMatchObject({ class: 'blocked', error: { code: 'delivery.blocked' } });
    expect(exchange.error?.message).toContain('HOOKLINE_ALLOW_HTTP');
    expect(receiver.connections.accepted).toBe(0);
  });

  it.each(['ftp://example.com/', 'file:///etc/passwd', 'not a url', ''])('is %j', async (url) => {
    expect((await get(open(), url)).class).toBe('blocked');
  });
});

describe('an allowed destination', () => {
  it('is looked up once, and the vetted address is dialled', async () => {
    const lookup = resolves('127.0.0.1');
    const exchange = await get(open({ lookup, allowNetworks: ['127.0.0.1/32'] }), named('hooks.example.com'));
    expect(exchange).toMatchObject({ class: 'sent', remoteAddress: '127.0.0.1' });
    expect(lookup.calls).toEqual(['hooks.example.com']);
    expect(receiver.requests[0]?.headers['host']).toBe(named('hooks.example.com').replace('http://', ''));
  });

  it('may be one exact origin in spite of all rules', async () => {
    expect((await get(open({ allowHttp: false, allowOrigin: receiver.origin }), receiver.url('/in'))).class).toBe(
      'sent',
    );
  });

  it('is reached on its second address where the first one refuses', async () => {
    const client = open({ lookup: resolves('127.0.0.9', '127.0.0.1'), allowNetworks: ['127.0.0.0/8'] });
    expect(await get(client, named('two.example'))).toMatchObject({ class: 'sent', remoteAddress: '127.0.0.1' });
  });
});

describe('a destination that cannot be reached', () => {
  const fails =
    (code: string): Lookup =>
    () =>
      Promise.reject(Object.assign(new Error(code), { code }));

  it.each([
    ['does not exist', fails('ENOTFOUND'), 'dns_not_found'],
    ['cannot be looked up now', fails('EAI_AGAIN'), 'dns_temporary'],
    ['has no address', resolves(), 'dns_not_found'],
  ])('is retried: its name %s', async (_what, lookup, code) => {
    expect(await get(open({ lookup }), 'https://hooks.example.com/')).toMatchObject({
      class: 'retryable',
      phase: 'dns',
      error: { code },
    });
  });

  it('is retried: nothing listens there', async () => {
    const closed = await startReceiver();
    await closed.close();
    const exchange = await get(open({ allowNetworks: ['127.0.0.0/8'] }), closed.origin);
    expect(exchange).toMatchObject({ class: 'retryable', phase: 'connect', error: { code: 'connect_refused' } });
  });
});

describe('an exchange that ends while its name is looked up', () => {
  it.each([
    ['at its timeout', { timeoutMs: 200 }, 'connect_timeout'],
    ['by its signal', { timeoutMs: 5_000, signal: AbortSignal.timeout(200) }, 'cancelled'],
  ])('ends %s, and its request never leaves later', async (_how, limits, code) => {
    let answer = () => {};
    const answered = new Promise<{ address: string; family: number }[]>((resolve) => {
      answer = () => resolve([{ address: '127.0.0.1', family: 4 }]);
    });
    const client = open({ lookup: () => answered, allowNetworks: ['127.0.0.0/8'] });
    const exchange = await get(client, named('slow.example'), limits);
    expect(exchange).toMatchObject({ class: 'retryable', status: null, error: { code } });
    expect(exchange.durationMs).toBeLessThan(450);

    answer();
    expect((await get(client, named('127.0.0.1'))).class).toBe('sent');
    expect(receiver).toMatchObject({ requests: { length: 1 }, connections: { accepted: 1 } });
  });

  it('sends nothing where the signal was aborted before', async () => {
    const client = open({ allowNetworks: ['127.0.0.0/8'] });
    const exchange = await get(client, receiver.origin, { timeoutMs: 1_000, signal: AbortSignal.abort() });
    expect(exchange.error?.code).toBe('cancelled');
    expect(receiver.connections.accepted).toBe(0);
  });
});
