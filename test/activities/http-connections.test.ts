import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createHttp, type Http } from '../../activities/http.ts';
import { closeOnNextRequest, endlessBody, garbage, respond } from '../support/behaviours.ts';
import { type Receiver, startReceiver } from '../support/receiver.ts';

const timeoutMs = 1_000;
let receiver: Receiver;
let http: Http;

beforeEach(async () => {
  receiver = await startReceiver();
  http = createHttp({ allowHttp: true, allowNetworks: ['127.0.0.0/8'] });
});

afterEach(async () => {
  await http.close();
  await receiver.close();
});

const get = (url: string, patienceMs = timeoutMs) =>
  http.send({ method: 'GET', url, headers: [], body: null }, { timeoutMs: patienceMs });

describe('connections', () => {
  it('are reused for the next exchange with the same origin', async () => {
    await get(receiver.url('/a'));
    const second = await get(receiver.url('/b'));
    expect(second).toMatchObject({ class: 'sent', replaced: false, remoteAddress: '127.0.0.1' });
    expect(receiver.connections.accepted).toBe(1);
  });

  it('carry one exchange each at a time, so that a slow one holds up no other', async () => {
    let answer = () => {};
    receiver.on('/slow', (socket, request) => (answer = () => respond()(socket, request)));
    const slow = get(receiver.url('/slow'), 15_000);
    await receiver.waitFor(1);
    expect((await get(receiver.url('/fast'), 15_000)).class).toBe('sent');
    answer();
    expect((await slow).class).toBe('sent');
  });

  it('that turn out closed by the receiver are replaced once, inside the attempt', async () => {
    receiver.on('/closing', closeOnNextRequest());
    await get(receiver.url('/closing'));
    expect(await get(receiver.url('/next'))).toMatchObject({ class: 'sent', replaced: true });
    expect(receiver.connections.accepted).toBe(2);
    expect(receiver.requests.map(({ url }) => url)).toEqual(['/closing', '/next', '/next']);
  });

  it('are replaced only once: a receiver that always closes fails the attempt', async () => {
    receiver.on('/', respond(), (socket) => socket.destroy());
    await get(receiver.url('/'));
    expect(await get(receiver.url('/'))).toMatchObject({
      class: 'retryable',
      replaced: true,
      error: { code: 'connection_lost' },
    });
    expect(receiver.requests).toHaveLength(3);
  });

  it('are not replaced once a byte of an answer came', async () => {
    receiver.on('/', respond(), (socket) => socket.end('HTTP/1.1 2'));
    await get(receiver.url('/'));
    expect(await get(receiver.url('/'))).toMatchObject({ class: 'retryable', replaced: false });
    expect(receiver.requests).toHaveLength(2);
  });

  it('never carry an answer over to the next request', async () => {
    const ok = 'HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\n';
    receiver.on('/split', garbage(`${ok}first${ok}extra`));
    receiver.on('/next', respond({ body: 'own' }));
    expect((await get(receiver.url('/split'))).body.toString()).toBe('first');
    expect((await get(receiver.url('/next'))).body.toString()).toBe('own');
  });

  it('are closed when the answer says so', async () => {
    receiver.on('/', respond({ headers: { connection: 'close' } }));
    expect((await get(receiver.url('/'))).class).toBe('sent');
    await receiver.waitForSilence();
  });

  it('end in the send phase where the receiver does not read what is sent', async () => {
    const deaf = await startReceiver({ onConnection: () => {} });
    const body = Buffer.alloc(20 * 1024 * 1024);
    const exchange = await http.send({ method: 'POST', url: deaf.url('/'), headers: [], body }, { timeoutMs });
    expect(exchange).toMatchObject({ class: 'retryable', phase: 'send', error: { code: 'timeout' } });
    expect(exchange.durationMs).toBeLessThan(timeoutMs + 250);
    await deaf.close();
  });

  it('are cut after 256 KiB each under 50 endless bodies at once', async () => {
    receiver.on('/', endlessBody());
    const request = { method: 'GET', url: receiver.url('/'), headers: [], body: null };
    const exchanges = await Promise.all(Array.from({ length: 50 }, () => http.send(request, { timeoutMs: 20_000 })));
    expect(new Set(exchanges.map(({ body }) => body.length))).toEqual(new Set([32 * 1024]));
    await receiver.waitForSilence();
  });
});
