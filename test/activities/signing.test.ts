import { afterAll, beforeEach, describe, expect, it } from 'vitest';
import { runIn, startActivities, type TestActivities } from '../support/activities.ts';
import { respond } from '../support/behaviours.ts';
import type { ReceivedRequest } from '../support/receiver.ts';
import { verifies, verifiesCustomerio } from '../support/signatures.ts';

let test: TestActivities;
const opened: TestActivities[] = [];

beforeEach(async () => {
  test = await startActivities();
  opened.push(test);
});

afterAll(() => Promise.all(opened.map((each) => each.stop())));

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
  });

  it.each([
    ['none', { method: 'GET' }, ''],
    ['a plain text', { body: 'status=gold', headers: { 'Content-Type': 'text/plain' } }, 'status=gold'],
    ['a form', { body: { form: { 'first name': 'Zoë' } } }, 'first+name=Zo%C3%AB'],
    ['JSON', { body: { json: { name: 'Zoë', note: '日本 👩‍🚀' } } }, '{"name":"Zoë","note":"日本 👩‍🚀"}'],
  ])('is signed over its body, which is %s, as the receiver got it', async (_, fields, body) => {
    await test.send(await delivery('signed', fields));
    await test.send(await delivery('signed-cio', { ...fields, signing: 'customerio' }));
    const [standard, cio] = test.receiver.requests;
    expect([standard, cio].map((request) => request?.body.toString())).toEqual([body, body]);
    expect(verifies(standard, await current())).toBe(true);
    expect(verifiesCustomerio(cio, await current())).toBe(true);
  });

  it('no longer verifies when one byte of its body, its id or its timestamp has changed', async () => {
    const fields = { body: { json: { name: 'Zoë' } } };
    await test.send(await delivery('changed', fields));
    await test.send(await delivery('changed-cio', { ...fields, signing: 'customerio' }));
    const [standard, cio] = test.receiver.requests;
    const key = await current();
    for (let at = 0; at < (standard?.body.length ?? 0); at += 1) {
      const body = Buffer.from(standard?.body ?? '');
      body.writeUInt8(body.readUInt8(at) ^ 1, at);
      expect(verifies(standard && { ...standard, body }, key)).toBe(false);
      expect(verifiesCustomerio(cio && { ...cio, body }, key)).toBe(false);
    }
    const withHeader = (request: ReceivedRequest | undefined, name: string, value: string) =>
      request && { ...request, headers: { ...request.headers, [name]: value } };
    const later = String(Number(seconds()) + 1);
    expect(verifies(withHeader(standard, 'webhook-id', 'dlv_another'), key)).toBe(false);
    expect(verifies(withHeader(standard, 'webhook-timestamp', later), key)).toBe(false);
    expect(verifiesCustomerio(withHeader(cio, 'x-cio-timestamp', later), key)).toBe(false);
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
    const { secret } = await test.rotate({ overlapMs: 60_000 });
    test.passMs(50_000);
    await test.send(await delivery('within'));
    await test.send(await delivery('within-cio', { signing: 'customerio' }));
    test.passMs(60_000);
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

  it('may bring a text of another form, which signs as its own bytes', async () => {
    const { secret } = await test.rotate({ secret: 'a text of somebody else', overlapMs: 0 });
    await test.send(await delivery('imported'));
    expect(verifies(test.receiver.requests[0], secret)).toBe(true);
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
