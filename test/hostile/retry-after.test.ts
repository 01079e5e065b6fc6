import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { respond } from '../support/behaviours.ts';
import { startHostile, type Hostile } from '../support/hostile.ts';

let test: Hostile;

beforeAll(async () => {
  test = await startHostile();
});

afterAll(() => test.stop());

const date = 'Sun, 06 Nov 2044 08:00:00 GMT';
const HOUR = 3_600_000;

/** What the receiver says, and when the next attempt is made; without its wish that would be after 10 s. */
const cases: Record<string, { status?: number; headers: Record<string, string | string[]>; delayMs: number }> = {
  'row 20: 120 seconds': { headers: { 'retry-after': '120' }, delayMs: 120_000 },
  'row 20: 120 seconds with a 503': { status: 503, headers: { 'retry-after': '120' }, delayMs: 120_000 },
  'row 20: 3 seconds, which shortens nothing': { headers: { 'retry-after': '3' }, delayMs: 10_000 },
  'row 21: a date 90 s after that of the answer': {
    headers: { date, 'retry-after': 'Sun, 06 Nov 2044 08:01:30 GMT' },
    delayMs: 90_000,
  },
  'row 21: a date in 2099': { headers: { 'retry-after': 'Tue, 01 Dec 2099 00:00:00 GMT' }, delayMs: HOUR },
  'row 21: a past date': { headers: { 'retry-after': 'Wed, 21 Oct 2015 07:28:00 GMT' }, delayMs: 10_000 },
  'row 21: 10^9 seconds': { headers: { 'retry-after': '1000000000' }, delayMs: HOUR },
  'row 21: 10^12 seconds': { headers: { 'retry-after': '1000000000000' }, delayMs: 10_000 },
  'row 21: a number that no double holds': { headers: { 'retry-after': '9'.repeat(400) }, delayMs: 10_000 },
  'row 21: -5': { headers: { 'retry-after': '-5' }, delayMs: 10_000 },
  'row 21: 1.5': { headers: { 'retry-after': '1.5' }, delayMs: 10_000 },
  'row 21: soon': { headers: { 'retry-after': 'soon' }, delayMs: 10_000 },
  'row 21: nothing': { headers: { 'retry-after': '' }, delayMs: 10_000 },
  'row 21: two headers': { headers: { 'retry-after': ['30', '60'] }, delayMs: 60_000 },
  'row 21: two headers, one of which cannot be read': { headers: { 'retry-after': ['soon', '60'] }, delayMs: 60_000 },
};

describe('a receiver that says when to come back:', () => {
  it.each(Object.entries(cases))('%s', async (_, { status = 429, headers, delayMs }) => {
    const target = await test.target(respond({ status, headers }));
    const { outcome, attempt, delivery } = await test.attempt(target);
    expect(outcome).toMatchObject({ class: 'retryable', status, delivery: 'attempted', mapping: 'pending' });
    const next = new Date(target.clock.now.getTime() + delayMs);
    expect([delivery.nextAttemptAt, attempt.nextAttemptAt]).toEqual([next, next]);
    // What it asked for is shown beside what came of it.
    const asked = [headers['retry-after'] ?? []].flat();
    expect(attempt.responseHeaders?.filter(([name]) => name === 'retry-after')).toEqual(
      asked.map((value) => ['retry-after', value]),
    );
    await test.recover(target);
  });

  it('row 21: again and again, which `within` ends all the same', async () => {
    const headers = { 'retry-after': 'Tue, 01 Dec 2099 00:00:00 GMT' };
    const fields = { retry: { times: 50, within: '150m' } };
    const target = await test.target(respond({ status: 429, headers }), { fields });
    const delays: number[] = [];
    for (;;) {
      const { delivery } = await test.attempt(target);
      if (!delivery.nextAttemptAt) break;
      delays.push(delivery.nextAttemptAt.getTime() - target.clock.now.getTime());
      target.clock.now = delivery.nextAttemptAt;
    }
    expect(delays).toEqual([HOUR, HOUR, HOUR / 2]);
    expect(await test.delivery(target.id)).toMatchObject({ state: 'failed', error: { code: 'rate_limited' } });
  });
});
