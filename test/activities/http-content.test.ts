import { brotliCompressSync, deflateRawSync, deflateSync, gzipSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createHttp, type Http } from '../../activities/http.ts';
import { garbage, respond } from '../support/behaviours.ts';
import { type Receiver, startReceiver } from '../support/receiver.ts';

let receiver: Receiver;
let http: Http;

beforeAll(async () => {
  receiver = await startReceiver();
  http = createHttp({ allowHttp: true, allowNetworks: ['127.0.0.0/8'] });
});

afterAll(async () => {
  await http.close();
  await receiver.close();
});

const send = (request: Partial<Parameters<Http['send']>[0]>, path = '/') =>
  http.send({ method: 'POST', url: receiver.url(path), headers: [], body: null, ...request }, { timeoutMs: 1_000 });

describe('a request', () => {
  it('arrives byte for byte, and asks for no compression', async () => {
    const body = Buffer.from([0, 255, 13, 10, 123]);
    await send({ method: 'PATCH', headers: [['X-Team', 'growth']], body }, '/in?a=%20b');
    const request = receiver.requests.at(-1);
    expect(request).toMatchObject({ method: 'PATCH', url: '/in?a=%20b', body });
    expect(request?.headers).toEqual({
      host: receiver.origin.replace('http://', ''),
      connection: 'keep-alive',
      'x-team': 'growth',
      'accept-encoding': 'identity',
      'content-length': '5',
    });
  });

  it("keeps the user's own accept-encoding", async () => {
    await send({ headers: [['Accept-Encoding', 'gzip']] });
    expect(receiver.requests.at(-1)?.headers['accept-encoding']).toBe('gzip');
  });

  it.each(['GET', 'DELETE'])('may be %s with a body', async (method) => {
    await send({ method, body: 'text' });
    expect(receiver.requests.at(-1)).toMatchObject({ method, body: Buffer.from('text') });
  });

  it.each<[string, [string, string]]>([
    ['a line break', ['x-team', 'a\r\nx-evil: 1']],
    ['a character beyond Latin-1', ['x-team', '✓']],
    ['an invalid name', ['x team', 'a']],
  ])('with %s in a header is blocked, not sent', async (_what, header) => {
    const before = receiver.requests.length;
    expect(await send({ headers: [header] })).toMatchObject({ class: 'blocked', error: { code: 'invalid_request' } });
    expect(receiver.requests).toHaveLength(before);
  });
});

describe('an answer', () => {
  const text = '{"id":"lead-7"}';

  it.each([
    ['gzip', gzipSync(text)],
    ['X-GZIP', gzipSync(text)],
    ['deflate', deflateSync(text)],
    ['deflate', deflateRawSync(text)],
    ['br', brotliCompressSync(text)],
    ['identity', Buffer.from(text)],
  ])('in %s is decoded', async (encoding, body) => {
    receiver.on('/', respond({ headers: { 'content-encoding': encoding }, body }));
    const exchange = await send({});
    expect(exchange).toMatchObject({ class: 'sent', bodyError: null, truncated: false });
    expect(exchange.body.toString()).toBe(text);
  });

  it.each(['gzip', 'br', 'deflate', 'zstd', 'gzip, gzip'])(
    'that is not what %s says is sent, with its raw bytes',
    async (encoding) => {
      receiver.on('/', respond({ headers: { 'content-encoding': encoding }, body: text }));
      const exchange = await send({});
      expect(exchange).toMatchObject({ class: 'sent', bodyError: { code: 'body_undecodable' } });
      expect(exchange.body.toString()).toBe(text);
    },
  );

  it('may hold any bytes', async () => {
    const body = Buffer.from([0, 0xff, 0xed, 0xa0, 0x80]);
    receiver.on('/', respond({ body }));
    expect(await send({})).toMatchObject({ class: 'sent', bodyError: null, body });
  });

  it('of exactly 256 KiB is whole, one of a byte more is not', async () => {
    receiver.on('/', respond({ body: 'x'.repeat(262_144) }), respond({ body: 'x'.repeat(262_145) }));
    expect(await send({})).toMatchObject({ truncated: false, bodyError: null, body: { length: 262_144 } });
    expect(await send({})).toMatchObject({ truncated: true, body: { length: 32_768 } });
  });

  it('in ten thousand chunks of one byte is whole', async () => {
    const chunks = '1\r\nx\r\n'.repeat(10_000);
    receiver.on('/', garbage(`HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n${chunks}0\r\n\r\n`));
    expect((await send({})).body.toString()).toBe('x'.repeat(10_000));
  });

  it('keeps each of several equal headers, with names in lower case', async () => {
    receiver.on('/', respond({ headers: { 'Set-Cookie': ['a=1', 'b=2'], 'X-Text': 'ä' } }));
    expect((await send({})).headers).toEqual([
      ['content-length', '0'],
      ['set-cookie', 'a=1'],
      ['set-cookie', 'b=2'],
      ['x-text', 'ä'],
    ]);
  });

  it('says when to come back, on a retryable status only', async () => {
    const headers = { 'retry-after': '120' };
    receiver.on(
      '/',
      respond({ status: 429, headers }),
      respond({ status: 503, headers }),
      respond({ status: 404, headers }),
    );
    expect((await send({})).retryAfterMs).toBe(120_000);
    expect((await send({})).retryAfterMs).toBe(120_000);
    expect((await send({})).retryAfterMs).toBeNull();
  });

  it('that comes before the whole request was read keeps its status', async () => {
    const refusing = await startReceiver({
      onConnection: (socket) => {
        socket.once('data', () => socket.pause().write('HTTP/1.1 413 Too Large\r\ncontent-length: 0\r\n\r\n'));
      },
    });
    const upload = { url: refusing.url('/'), body: Buffer.alloc(20 * 1024 * 1024) };
    expect(await send(upload)).toMatchObject({ class: 'rejected', status: 413 });
    expect(await send(upload)).toMatchObject({ class: 'rejected', status: 413, replaced: false });
    expect(refusing.connections.accepted).toBe(2);
    await refusing.close();
  });
});
