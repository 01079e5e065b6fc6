import { createHmac } from 'node:crypto';
import { afterAll, beforeEach, describe, expect, it } from 'vitest';
import { runIn, startActivities, type TestActivities } from '../support/activities.ts';
import { respond } from '../support/behaviours.ts';
import type { ReceivedRequest } from '../support/receiver.ts';

let test: TestActivities;
const opened: TestActivities[] = [];

beforeEach(async () => {
  test = await startActivities();
  opened.push(test);
});

afterAll(() => Promise.all(opened.map((each) => each.stop())));

/** The receiver's side, written from the specification of Standard Webhooks alone. */
function verifies(request: ReceivedRequest | undefined, secret: string): boolean {
  if (!request) throw new Error('there was no such request');
  const { 'webhook-id': id, 'webhook-timestamp': timestamp, 'webhook-signature': signatures = '' } = request.headers;
  const key = Buffer.from(secret.replace('whsec_', ''), 'base64');
  const signed = Buffer.concat([Buffer.from(`${id}.${timestamp}.`), request.body]);
  return signatures.split(' ').includes(`v1,${createHmac('sha256', key).update(signed).digest('base64')}`);
}

/** The receiver's side as Customer.io describes it. */
function verifiesCustomerio(request: ReceivedRequest | undefined, secret: string): boolean {
  if (!request) throw new Error('there was no such request');
  const hmac = createHmac('sha256', secret).update(`v0:${request.headers['x-cio-timestamp']}:`).update(request.body);
  return request.headers['x-cio-signature'] === hmac.digest('hex');
}

async function delivery(name: string, fields: object = {}, campaign: object = {}) {
  const step = { type: 'webhook', id: 'tell', url: test.receiver.url(`/${name}`), ...fields };
  return test.freeze(await test.enter(name, { steps: [step], ...campaign }), 'tell');
}

const current = async () => (await test.signingKeys()).at(-1)?.secret ?? '';
const seconds = () => String(Math.floor(test.clock.now.getTime() / 1000));
const signedNames = (request: ReceivedRequest | undefined) =>
  Object.keys(request?.headers ?? {}).filter((name) => /^(webhook-|x-cio-)/.test(name));

describe('an attempt', () => {
  it('carries the signature of the first key, which is made when it is first needed', async () => {
    const id = await delivery('first', { body: { json: { name: 'Zoë' } } });
    expect(await test.send(id)).toMatchObject({ state: 'sent' });
    const [request] = test.receiver.requests;
    expect(request?.headers).toMatchObject({
      'idempotency-key': id,
      'webhook-id': id,
      'webhook-timestamp': seconds(),
      'webhook-signature': expect.stringMatching(/^v1,[A-Za-z0-9+/]{43}=$/),
    });
    expect(await current()).toMatch(/^whsec_[A-Za-z0-9+/]{43}=$/);
    expect(verifies(request, await current())).toBe(true);
    expect(verifies(request && { ...request, body: Buffer.from('{}') }, await current())).toBe(false);
  });

  it('without a body has a signature over the empty text', async () => {
    await test.send(await delivery('empty', { method: 'GET' }));
    expect(test.receiver.requests[0]?.body).toHaveLength(0);
    expect(verifies(test.receiver.requests[0], await current())).toBe(true);
  });

  it('is signed with one and the same first key by many workers at once', async () => {
    const ids = await Promise.all(Array.from({ length: 8 }, (_, at) => delivery(`worker-${at}`)));
    await Promise.all(ids.map((id) => runIn(test.another().sendWebhook, { delivery: id })));
    const keys = await test.signingKeys();
    expect(keys).toHaveLength(1);
    expect(test.receiver.requests.map((request) => verifies(request, keys[0]?.secret ?? ''))).toEqual(
      Array.from({ length: 8 }, () => true),
    );
  });

  it('of Customer.io has its headers, beside the key that all requests have', async () => {
    const id = await delivery('cio', { signing: 'customerio', body: { json: { name: 'Zoë' } } });
    await test.send(id);
    const [request] = test.receiver.requests;
    expect(request?.headers).toMatchObject({ 'idempotency-key': id, 'x-cio-idempotency-key': id });
    expect(request?.headers['x-cio-timestamp']).toBe(seconds());
    expect(signedNames(request)).toEqual(['x-cio-timestamp', 'x-cio-signature', 'x-cio-idempotency-key']);
    expect(verifiesCustomerio(request, await current())).toBe(true);
  });

  it('has none where signing is none, in the webhook or in the defaults, of which the webhook wins', async () => {
    const defaults = { signing: 'none' };
    await test.send(await delivery('own', { signing: 'none' }));
    await test.send(await delivery('inherited', {}, { defaults }));
    await test.send(await delivery('wins', { signing: 'standard' }, { defaults }));
    expect(test.receiver.requests.map(signedNames)).toEqual([
      [],
      [],
      ['webhook-id', 'webhook-timestamp', 'webhook-signature'],
    ]);
  });
});

describe('a rotation', () => {
  it('between two attempts adds a signature to the second, with a time of its own over the same bytes', async () => {
    test.receiver.on('/later', respond({ status: 500 }), respond());
    const id = await delivery('later', { body: { json: { a: 1 } } });
    await expect(test.send(id)).rejects.toThrow('the receiver answered 500');
    const first = seconds();
    const old = await current();
    const { secret } = await test.rotate({ overlapMs: 86_400_000 });
    test.passMs(10_000);
    await test.send(id);

    const [one, two] = test.receiver.requests;
    expect([one, two].map((request) => verifies(request, old))).toEqual([true, true]);
    expect([one, two].map((request) => verifies(request, secret))).toEqual([false, true]);
    expect([one, two].map((request) => request?.headers['webhook-timestamp'])).toEqual([first, seconds()]);
    expect([one, two].map((request) => request?.headers['webhook-id'])).toEqual([id, id]);
    expect([one, two].map((request) => request?.headers['idempotency-key'])).toEqual([id, id]);
    expect(two?.body).toEqual(one?.body);
    const alone = (request: ReceivedRequest | undefined, at: number) => {
      const [signature] = request?.headers['webhook-signature']?.split(' ').slice(at) ?? [];
      return request && { ...request, headers: { ...request.headers, 'webhook-signature': signature ?? '' } };
    };
    expect([verifies(alone(two, 0), secret), verifies(alone(two, 1), old)]).toEqual([true, true]);
  });

  it('leaves the old key its overlap, and nothing after it', async () => {
    await test.send(await delivery('before'));
    const old = await current();
    const { secret } = await test.rotate({ overlapMs: 3_600_000 });
    test.passMs(3_590_000);
    await test.send(await delivery('within'));
    await test.send(await delivery('within-cio', { signing: 'customerio' }));
    test.passMs(3_600_000);
    await test.send(await delivery('after'));
    await test.send(await delivery('after-cio', { signing: 'customerio' }));

    const [, within, withinCio, after, afterCio] = test.receiver.requests;
    expect([verifies(within, old), verifies(within, secret)]).toEqual([true, true]);
    expect([verifies(after, old), verifies(after, secret)]).toEqual([false, true]);
    expect([verifiesCustomerio(withinCio, old), verifiesCustomerio(withinCio, secret)]).toEqual([true, false]);
    expect([verifiesCustomerio(afterCio, old), verifiesCustomerio(afterCio, secret)]).toEqual([false, true]);
  });

  it('without an overlap reaches every worker within a second', async () => {
    await test.send(await delivery('one'));
    const { secret, activeFrom } = await test.rotate({ secret: 'a key that Customer.io showed', overlapMs: 0 });
    test.clock.now = new Date(activeFrom.getTime() + 1_000);
    await test.send(await delivery('two', { signing: 'customerio' }));
    expect(verifiesCustomerio(test.receiver.requests[1], secret)).toBe(true);
  });

  it('costs no statement per attempt: within a second the keys are read once', async () => {
    await test.send(await delivery('one'));
    const old = await current();
    await test.rotate({ overlapMs: 0 });
    test.passMs(999);
    await test.send(await delivery('two'));
    expect(verifies(test.receiver.requests[1], old)).toBe(true);
  });
});
