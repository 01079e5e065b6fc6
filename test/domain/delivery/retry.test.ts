import { describe, expect, it } from 'vitest';
import { decideRetry, nextDelayMs, parseRetryAfter } from '../../../domain/delivery/retry.ts';

const delays = (random: number, retryAfterMs: number | null = null) =>
  Array.from({ length: 10 }, (_, index) =>
    nextDelayMs({ attempt: index + 1, firstDelayMs: 10_000, retryAfterMs, random: () => random }),
  );

describe('nextDelayMs', () => {
  it('doubles from 10 s: ten retries take 2 h 50 min 30 s', () => {
    expect(delays(0.5).map((ms) => ms / 1000)).toEqual([10, 20, 40, 80, 160, 320, 640, 1280, 2560, 5120]);
    expect(delays(0.5).reduce((sum, ms) => sum + ms)).toBe(10_230_000);
  });

  it('spreads a delay by 20 % to both sides', () => {
    expect([delays(0)[0], delays(1)[0]]).toEqual([8_000, 12_000]);
  });

  it('lets Retry-After lengthen a delay and never shorten it', () => {
    expect(delays(0.5, 120_000).map((ms) => ms / 1000)).toEqual([120, 120, 120, 120, 160, 320, 640, 1280, 2560, 5120]);
  });

  it('follows Retry-After up to one hour', () => {
    expect(delays(0.5, 10 ** 12)[0]).toBe(3_600_000);
  });
});

describe('parseRetryAfter', () => {
  const now = new Date('2026-11-01T12:00:00Z');

  it.each([
    ['120', 120_000],
    [' 0 ', 0],
    ['9999999999', 9_999_999_999_000],
    ['Sun, 01 Nov 2026 12:01:00 GMT', 60_000],
    ['Sunday, 01-Nov-26 12:01:00 GMT', 60_000],
    ['Sun Nov  1 12:01:00 2026', 60_000],
    ['Sun, 01 Nov 2026 11:00:00 GMT', 0],
  ])('reads %j as %d ms', (value, expected) => {
    expect(parseRetryAfter(value, now)).toBe(expected);
  });

  it.each([
    '-5',
    '+5',
    '1.5',
    '1e3',
    'soon',
    'soon 5',
    '',
    '10000000000',
    '2026-11-01T12:01:00Z',
    'Sun, 99 Nov 2026 12:00:00 GMT',
  ])('ignores %j', (value) => {
    expect(parseRetryAfter(value, now)).toBeNull();
  });

  it('takes the longest of several headers', () => {
    expect(parseRetryAfter(['5', 'soon', '60'], now)).toBe(60_000);
    expect(parseRetryAfter([], now)).toBeNull();
    expect(parseRetryAfter(undefined, now)).toBeNull();
  });

  it("measures a date on the receiver's clock where its answer has a Date", () => {
    const date = 'Sun, 01 Nov 2026 13:00:00 GMT';
    expect(parseRetryAfter('Sun, 01 Nov 2026 13:00:30 GMT', now, date)).toBe(30_000);
    expect(parseRetryAfter('Sun, 01 Nov 2026 12:00:30 GMT', now, 'nonsense')).toBe(30_000);
  });
});

describe('decideRetry', () => {
  const firstAttemptAt = new Date('2026-11-01T12:00:00Z');
  const decide = (input: Partial<Parameters<typeof decideRetry>[0]>) =>
    decideRetry({
      attempt: 1,
      times: 10,
      withinMs: 60_000,
      firstAttemptAt,
      now: firstAttemptAt,
      delayMs: 10_000,
      ...input,
    });

  it('retries after the delay', () => {
    expect(decide({})).toEqual({ retry: true, at: new Date('2026-11-01T12:00:10Z') });
  });

  it('makes as many retries as allowed after the first attempt', () => {
    expect(decide({ attempt: 10 }).retry).toBe(true);
    expect(decide({ attempt: 11 })).toEqual({ retry: false });
    expect(decide({ times: 0 })).toEqual({ retry: false });
  });

  it('makes the last attempt at the end of the time where the delay does not fit', () => {
    const now = new Date('2026-11-01T12:00:55Z');
    expect(decide({ now })).toEqual({ retry: true, at: new Date('2026-11-01T12:01:00Z') });
    expect(decide({ now, delayMs: 10_000 * 2 ** 49 })).toEqual({ retry: true, at: new Date('2026-11-01T12:01:00Z') });
  });

  it('starts nothing once the time is over', () => {
    expect(decide({ now: new Date('2026-11-01T12:01:00Z') })).toEqual({ retry: false });
  });
});
