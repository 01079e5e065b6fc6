import { ApplicationFailure } from '@temporalio/activity';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { listDestinations } from '../../db/destination-list.ts';
import { lockDestination } from '../../db/destinations.ts';
import { parked } from '../../db/schema/destinations.ts';
import { runIn, startActivities, type TestActivities } from '../support/activities.ts';
import { hang, respond } from '../support/behaviours.ts';
import { startReceiver, type Receiver } from '../support/receiver.ts';

let test: TestActivities;
let receiver: Receiver;

beforeAll(async () => {
  test = await startActivities();
});
afterAll(() => test.stop());

/** A destination of its own for each test. */
beforeEach(async () => {
  receiver = await startReceiver();
  return () => receiver.close();
});

async function delivery(fields: object = {}): Promise<string> {
  const step = { type: 'webhook', id: 'tell', url: receiver.url('/hook'), retry: { times: 0 }, ...fields };
  return test.freeze(await test.enter('letter', { steps: [step] }), 'tell');
}

/** What sending comes to: a state, or the reason why it waits in line. */
async function send(id: string): Promise<string> {
  try {
    const sent = await runIn(test.another({ breaker: true }).sendWebhook, { delivery: id });
    return sent.state === 'parked' ? sent.reason : sent.state;
  } catch (error) {
    if (error instanceof ApplicationFailure) return 'retry';
    throw error;
  }
}

const sendNew = async (fields: object = {}) => send(await delivery(fields));

async function times(count: number, what: () => Promise<string>): Promise<string[]> {
  const outcomes: string[] = [];
  for (let each = 0; each < count; each += 1) outcomes.push(await what());
  return outcomes;
}

async function breaker() {
  const { data } = await listDestinations(
    test.db,
    { limit: 200, order: 'asc' },
    { now: test.clock.now, since: test.clock.now },
  );
  const found = data.find(({ origin }) => origin === receiver.origin);
  const secondsLeft = found?.openUntil ? (found.openUntil.getTime() - test.clock.now.getTime()) / 1000 : null;
  return { openings: found?.openings, secondsLeft };
}

const CLOSED = { openings: 0, secondsLeft: null };

describe('the breaker', () => {
  it('opens at 70 % failures of ten, lets one through after 30 s, and closes when that is answered', async () => {
    receiver.on('/hook', respond({}), respond({}), respond({ status: 404 }), respond({ status: 503 }));
    expect(await times(9, sendNew)).toEqual(['sent', 'sent', ...Array.from({ length: 7 }, () => 'failed')]);
    expect(await breaker()).toEqual(CLOSED);
    expect(await sendNew()).toBe('failed');
    expect(await breaker()).toEqual({ openings: 1, secondsLeft: 30 });

    const held = await delivery();
    expect(await send(held)).toBe('breaker');
    const stored = await test.delivery(held);
    expect(stored.attempts).toEqual([]);
    expect(stored.parked).toEqual({ reason: 'breaker', until: new Date(test.clock.now.getTime() + 30_000) });
    expect(receiver.requests).toHaveLength(10);

    test.passMs(30_000);
    receiver.on('/hook', respond({ status: 400 }));
    expect(await sendNew()).toBe('breaker');
    expect(await send(held)).toBe('failed');
    expect(receiver.requests).toHaveLength(11);
    expect(await breaker()).toEqual(CLOSED);

    receiver.on('/hook', respond({ status: 503 }));
    expect(await times(9, sendNew)).not.toContain('breaker');
    expect(await breaker()).toEqual(CLOSED);
    expect(await sendNew()).toBe('slot');
  });

  it('stays open twice as long each time that the one let through fails too, up to 10 minutes', async () => {
    receiver.on('/hook', respond({ status: 500 }));
    await times(10, sendNew);
    const open: (number | null)[] = [];
    for (let probe = 1; probe <= 6; probe += 1) {
      test.passMs(((await breaker()).secondsLeft ?? 0) * 1000);
      expect(await sendNew()).toBe('failed');
      open.push((await breaker()).secondsLeft);
    }
    expect(open).toEqual([60, 120, 240, 480, 600, 600]);
    expect(receiver.requests).toHaveLength(16);
  });

  it('lets exactly one through, also when many come at once, and another when that one was lost', async () => {
    receiver.on('/hook', respond({ status: 500 }));
    await times(10, sendNew);
    test.passMs(30_000);
    receiver.on('/hook', hang());
    const ids = [await delivery({ timeout: '1s' }), await delivery(), await delivery()];
    const outcomes = await Promise.all(ids.map(send));
    expect(outcomes.toSorted()).toEqual(['breaker', 'breaker', 'failed']);
    expect(receiver.requests).toHaveLength(11);

    test.passMs(60_000);
    const [lost = '', next = ''] = ids.filter((_id, at) => outcomes[at] === 'breaker').toSorted();
    void send(lost).catch(() => {});
    await receiver.waitFor(12);
    expect(await sendNew()).toBe('breaker');
    test.passMs(4_000 + 30_000);
    receiver.on('/hook', respond({}));
    expect(await send(next)).toBe('sent');
    expect(await breaker()).toEqual(CLOSED);
  });

  it('lines up at once whose retry would find it open, and only them', async () => {
    receiver.on('/hook', respond({ status: 503 }));
    await times(9, sendNew);
    const [opening, later] = [await delivery({ retry: { times: 1 } }), await delivery({ retry: { times: 1 } })];
    expect(await send(opening)).toBe('breaker');
    const stored = await test.delivery(opening);
    expect(stored).toMatchObject({ state: 'attempted', error: { code: 'server_error' } });
    expect(stored.attempts).toHaveLength(1);
    expect(stored.parked).toEqual({ reason: 'breaker', until: new Date(test.clock.now.getTime() + 30_000) });

    test.passMs(30_000);
    receiver.on('/hook', respond({ status: 503, headers: { 'retry-after': '61' } }), respond({}));
    expect(await send(later)).toBe('breaker');
    expect(await send(opening)).toBe('failed');
    expect(await breaker()).toEqual({ openings: 2, secondsLeft: 60 });
    const probe = await delivery({ retry: { times: 1 } });
    test.passMs(60_000);
    await test.db.delete(parked);
    receiver.on('/hook', respond({ status: 503, headers: { 'retry-after': '121' } }), respond({}));
    expect(await send(probe)).toBe('retry');
    expect(await breaker()).toEqual({ openings: 3, secondsLeft: 120 });
    expect((await test.delivery(probe)).parked).toBeNull();
    test.passMs(121_000);
    expect(await send(probe)).toBe('sent');
    expect(await breaker()).toEqual(CLOSED);
  });

  it('is seen to be open without waiting for those who hold the destination', async () => {
    receiver.on('/hook', respond({ status: 503 }));
    await times(10, sendNew);
    const held = await delivery();
    await test.db.transaction(async (tx) => {
      expect(await lockDestination(tx, receiver.origin)).toBeDefined();
      expect(await send(held)).toBe('breaker');
    });
    expect((await test.delivery(held)).parked).toMatchObject({ reason: 'breaker' });
  });

  it('counts the last five minutes only, and can be turned off', async () => {
    receiver.on('/hook', respond({ status: 500 }));
    await times(9, sendNew);
    test.passMs(5 * 60_000 + 1_000);
    await times(9, sendNew);
    expect(await breaker()).toEqual(CLOSED);
    for (let each = 0; each < 10; each += 1) await test.send(await delivery());
    expect(await breaker()).toEqual(CLOSED);
    expect(await sendNew()).toBe('failed');
    expect(await breaker()).toMatchObject({ openings: 1 });
    expect(await test.send(await delivery())).toMatchObject({ state: 'failed' });
  });
});

describe('a rate limit', () => {
  it('gives each attempt a time of its own, once, and leaves the same distance between all', async () => {
    const ids: string[] = [];
    for (let each = 0; each < 4; each += 1) ids.push(await delivery({ rateLimit: '1/s' }));
    expect(await Promise.all(ids.slice(0, 1).map(send))).toEqual(['sent']);
    expect(await times(2, async () => (await Promise.all(ids.slice(1).map(send))).join())).toEqual([
      'rateLimit,rateLimit,rateLimit',
      'rateLimit,rateLimit,rateLimit',
    ]);
    const own = await Promise.all(
      ids.slice(1).map(async (id) => (await test.delivery(id)).parked?.until?.getTime() ?? 0),
    );
    expect(own.map((at) => at - test.clock.now.getTime()).toSorted((a, b) => a - b)).toEqual([1_000, 2_000, 3_000]);
    test.passMs(2_000);
    const outcomes = await Promise.all(ids.slice(1).map(send));
    expect(outcomes.toSorted()).toEqual(['rateLimit', 'sent', 'sent']);
    expect(receiver.requests).toHaveLength(3);
  });

  it('holds for one webhook at one destination, and for retries too', async () => {
    receiver.on('/hook', respond({ status: 500 }), respond({}));
    const id = await delivery({ rateLimit: '1/h', retry: { times: 1 } });
    expect(await send(id)).toBe('retry');
    expect(await sendNew()).toBe('sent');
    test.passMs(20_000);
    expect(await send(id)).toBe('rateLimit');
    test.passMs(3_600_000 - 20_000);
    expect(await send(id)).toBe('sent');
  });
});
