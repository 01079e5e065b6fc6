import { createHmac } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { closeBeforeAnswer, hang, reset, respond } from '../support/behaviours.ts';
import { expectSameRequests, startHostile, type Hostile, type Target } from '../support/hostile.ts';
import type { ReceivedRequest } from '../support/receiver.ts';

let test: Hostile;

beforeAll(async () => {
  test = await startHostile();
});

afterAll(() => test.stop());

const MINUTE = 60_000;

/** Attempts, each at its time, until the delivery is settled; answers how long after the first one each was made, in ms. */
async function sendUntilSettled(target: Target): Promise<number[]> {
  const first = target.clock.now.getTime();
  const madeAt: number[] = [];
  for (;;) {
    madeAt.push(target.clock.now.getTime() - first);
    const { delivery } = await test.attempt(target);
    if (delivery.nextAttemptAt === null) return madeAt;
    target.clock.now = delivery.nextAttemptAt;
  }
}

describe('a receiver that is down', () => {
  it('row 22: for 2 h is sent to once it is back, with at most 11 attempts', async () => {
    const isUp = (at: Date) => at.getTime() >= test.clock.now.getTime() + 120 * MINUTE;
    const target: Target = await test.target((socket, request) =>
      respond(isUp(target.clock.now) ? { json: { lead: 7 } } : { status: 503 })(socket, request),
    );
    const madeAt = await sendUntilSettled(target);
    // 10 s, doubled each time: the eleventh is the first after 2 h.
    expect(madeAt.map((ms) => ms / 1_000)).toEqual([0, 10, 30, 70, 150, 310, 630, 1_270, 2_550, 5_110, 10_230]);
    expect(await test.delivery(target.id)).toMatchObject({ state: 'sent', error: null, mapping: { state: 'applied' } });
    expect(await test.attributes(target.name)).toMatchObject({ lead: 7 });
    expectSameRequests(target.id, target.requests());
  });

  it('row 23: for ever fails after 11 attempts, and no twelfth is made', async () => {
    const target = await test.target(respond({ status: 500 }));
    expect(await sendUntilSettled(target)).toHaveLength(11);
    const { state, error, attempts } = await test.delivery(target.id);
    expect({ state, error }).toEqual({
      state: 'failed',
      error: { code: 'server_error', message: 'the receiver answered 500' },
    });
    expect(attempts.map(({ status }) => status)).toEqual(Array.from({ length: 11 }, () => 500));
    expect(await target.send()).toEqual({ state: 'failed', exit: false, detail: 'webhook tell failed' });
    expect(target.requests()).toHaveLength(11);
    expectSameRequests(target.id, target.requests());
  });

  it('row 23: for ever is not asked after `within`, and `onFailure` is what the journey is told', async () => {
    const fields = { retry: { times: 50, within: '1h' }, onFailure: 'exit' };
    const target = await test.target(respond({ status: 500 }), { fields });
    const madeAt: number[] = [];
    const first = target.clock.now.getTime();
    for (let next: Date | null = target.clock.now; next; next = (await test.delivery(target.id)).nextAttemptAt) {
      target.clock.now = next;
      madeAt.push(next.getTime() - first);
      await target.send().catch(() => {});
    }
    expect(madeAt.at(-1)).toBe(60 * MINUTE);
    expect(madeAt).toHaveLength(10);
    expect(await target.send()).toEqual({ state: 'failed', exit: true, detail: 'webhook tell failed' });
    expect(target.requests()).toHaveLength(10);
  });
});

describe('a receiver that keeps keys', () => {
  it('row 24: answers 409 while the first request runs, then 200: all are one request', async () => {
    const target = await test.target([hang(), respond({ status: 409 }), respond({ json: { lead: 7 } })]);
    const seen = [await test.attempt(target)];
    for (let count = 0; count < 2; count += 1) {
      target.clock.now = seen.at(-1)?.delivery.nextAttemptAt ?? target.clock.now;
      seen.push(await test.attempt(target));
    }
    expect(seen.map(({ outcome }) => [outcome.error, outcome.status, outcome.delivery])).toEqual([
      ['timeout', null, 'attempted'],
      ['client_error', 409, 'attempted'],
      [null, 200, 'sent'],
    ]);
    expect(target.requests()).toHaveLength(3);
    expectSameRequests(target.id, target.requests());
  });

  it('row 25: answers 422 to other bytes with a known key, and never has to', async () => {
    const known = new Map<string | undefined, string>();
    const answers = [respond({ status: 503 }), reset('headers'), closeBeforeAnswer(), respond({ status: 429 })];
    const steps = (text: string) => ({ body: { json: { name: '{{ customer.name }}', text, at: '{{ now }}' } } });
    const target = await test.target(
      (socket, request) => {
        const key = request.headers['idempotency-key'];
        const bytes = `${request.method} ${request.url} ${request.body.toString('base64')}`;
        const isKnown = known.has(key);
        if (isKnown && known.get(key) !== bytes) return respond({ status: 422 })(socket, request);
        known.set(key, bytes);
        (answers.shift() ?? respond({ json: { lead: 7 } }))(socket, request);
      },
      { fields: steps('one') },
    );
    // Person and campaign change between the attempts; what was frozen does not.
    for (const text of ['two', 'three', 'four', 'five']) {
      const { delivery } = await test.attempt(target);
      expect(delivery.state).toBe('attempted');
      const step = { type: 'webhook', id: 'tell', url: test.receiver.url('/elsewhere'), ...steps(text) };
      await test.enter(target.name, { steps: [step] }, { person: target.name, attributes: { name: text } });
      target.clock.now = delivery.nextAttemptAt ?? target.clock.now;
    }
    expect((await test.attempt(target)).outcome).toMatchObject({ class: 'sent', status: 200, delivery: 'sent' });
    expect(target.requests()).toHaveLength(5);
    expectSameRequests(target.id, target.requests());
  });
});

describe('a clock that jumps', () => {
  it.each([
    ['an hour ahead', 60 * MINUTE],
    ['an hour back', -60 * MINUTE],
  ])('row 41: %s during an attempt changes neither its time nor the delay after it', async (_, byMs) => {
    const target = await test.target((socket, request) => {
      target.clock.now = new Date(target.clock.now.getTime() + byMs);
      hang()(socket, request);
    });
    const before = target.clock.now;
    const { outcome, attempt } = await test.attempt(target);
    expect(outcome).toMatchObject({ class: 'retryable', phase: 'headers', error: 'timeout', delivery: 'attempted' });
    expect(attempt.durationMs).toBeGreaterThanOrEqual(990);
    expect(target.clock.now.getTime()).toBe(before.getTime() + byMs);
    expect(attempt.nextAttemptAt).toEqual(new Date(target.clock.now.getTime() + 10_000));
    await test.recover(target);
    // Who checks the signature sees what the clock said.
    const timestamps = target.requests().map(({ headers }) => Number(headers['webhook-timestamp']));
    const start = Math.floor(before.getTime() / 1_000);
    expect(timestamps).toEqual([start, start + byMs / 1_000 + 10]);
  });
});

describe('a signing key that is rotated between two attempts', () => {
  /** The receiver's side, written from the specification of Standard Webhooks alone. */
  const verifies = (request: ReceivedRequest | undefined, secret: string): boolean => {
    const { 'webhook-id': id, 'webhook-timestamp': at, 'webhook-signature': signatures = '' } = request?.headers ?? {};
    const signed = `${id}.${at}.${request?.body.toString()}`;
    const key = Buffer.from(secret.replace('whsec_', ''), 'base64');
    return signatures.split(' ').includes(`v1,${createHmac('sha256', key).update(signed).digest('base64')}`);
  };

  it('row 42: the next attempt verifies with both keys, and after the overlap with the new one only', async () => {
    const target = await test.target(respond({ status: 503 }));
    const next = async () => {
      const { delivery } = await test.attempt(target);
      target.clock.now = delivery.nextAttemptAt ?? target.clock.now;
      return target.requests().at(-1);
    };
    const before = [await next(), await next(), await next()];
    const old = (await test.signingKeys()).at(-1)?.secret ?? '';
    const { secret } = await test.rotate({ overlapMs: 2 * MINUTE });
    const fourth = await next();
    const fifth = await next();
    const sixth = await next();

    expect(before.map((request) => verifies(request, old))).toEqual([true, true, true]);
    expect([verifies(fourth, old), verifies(fourth, secret)]).toEqual([true, true]);
    expect(target.requests().map((request) => verifies(request, secret))).toEqual([
      false,
      false,
      false,
      true,
      true,
      true,
    ]);
    expect([verifies(fifth, old), verifies(sixth, old)]).toEqual([false, false]);
    expectSameRequests(target.id, target.requests());
  });
});
