import { describe, expect, it } from 'vitest';
import { admit, freeSlots, type Applicant, type DestinationLoad } from '../../../domain/delivery/admission.ts';
import { breakerState, openForMs, opensBreaker } from '../../../domain/delivery/breaker.ts';
import { rateIntervalMs, rateLimitSchema } from '../../../domain/delivery/rate-limit.ts';

const now = new Date('2026-05-01T09:00:00Z');
const past = new Date('2026-05-01T08:59:59Z');
const future = new Date('2026-05-01T09:00:01Z');

const idle: DestinationLoad = { openUntil: null, probing: false, inFlight: 0, kept: 0 };
const newcomer: Applicant = { released: false, othersFirst: false, dueAt: null };

const admitted = { type: 'admitted', probe: false };
const probe = { type: 'admitted', probe: true };
const parkedFor = (reason: string) => ({ type: 'parked', reason });

describe('a delivery is admitted', () => {
  it.each<[string, Partial<DestinationLoad>, Partial<Applicant>, object]>([
    ['to an idle destination', {}, {}, admitted],
    ['to the last free slot', { inFlight: 15, kept: 4 }, {}, admitted],
    ['not when 20 are in flight', { inFlight: 20 }, {}, parkedFor('slot')],
    ['not to a slot that is kept for another', { inFlight: 15, kept: 5 }, {}, parkedFor('slot')],
    ['not before those who came first', {}, { othersFirst: true }, parkedFor('slot')],
    ['before them when it was told to come', {}, { othersFirst: true, released: true }, admitted],
    ['not before its own time', {}, { dueAt: future }, parkedFor('rateLimit')],
    ['at its own time', {}, { dueAt: now }, admitted],
    ['not while the breaker is open', { openUntil: future }, { released: true }, parkedFor('breaker')],
    ['as the one that tries when the breaker is half open', { openUntil: past }, {}, probe],
    ['not while another one tries', { openUntil: past, probing: true }, { released: true }, parkedFor('breaker')],
    ['not as the one that tries before others', { openUntil: past }, { othersFirst: true }, parkedFor('breaker')],
    ['as the one that tries beside old requests that hang', { openUntil: now, inFlight: 20 }, {}, probe],
  ])('%s', (_name, load, applicant, expected) => {
    expect(admit({ ...idle, ...load }, { ...newcomer, ...applicant }, now)).toEqual(expected);
  });
});

it.each<[Partial<DestinationLoad>, number]>([
  [{}, 20],
  [{ inFlight: 12, kept: 5 }, 3],
  [{ inFlight: 20, kept: 5 }, 0],
  [{ openUntil: future }, 0],
  [{ openUntil: past }, 1],
  [{ openUntil: past, inFlight: 20 }, 1],
  [{ openUntil: past, probing: true }, 0],
  [{ openUntil: past, kept: 1 }, 0],
])('with %o, %i parked deliveries may come', (load, count) => {
  expect(freeSlots({ ...idle, ...load }, now)).toBe(count);
});

describe('the breaker', () => {
  it.each([
    [9, 9, false],
    [10, 6, false],
    [10, 7, true],
    [1_000, 699, false],
    [1_000, 700, true],
  ])('after %i attempts of which %i failed opens: %s', (attempts, failures, opens) => {
    expect(opensBreaker({ attempts, failures })).toBe(opens);
  });

  it('opens for 30 s, doubling up to 10 min', () => {
    expect([0, 1, 2, 3, 4, 5, 6, 500].map((openings) => openForMs(openings) / 1000)).toEqual([
      30, 60, 120, 240, 480, 600, 600, 600,
    ]);
  });

  it('is half open from its time on', () => {
    expect([null, future, now, past].map((openUntil) => breakerState(openUntil, now))).toEqual([
      'closed',
      'open',
      'halfOpen',
      'halfOpen',
    ]);
  });
});

describe('a rate', () => {
  it.each([
    ['10/s', 100],
    ['1/s', 1_000],
    ['90/m', 60_000 / 90],
    ['1/h', 3_600_000],
  ])('%s leaves %d ms between two requests', (rate, ms) => {
    expect(rateIntervalMs(rate)).toBe(ms);
  });

  it.each(['0/s', '10', '10/d', '-1/s', '1.5/s', '1000000/s', '10 / s', ''])('%o is none', (rate) => {
    expect(rateLimitSchema.safeParse(rate).success).toBe(false);
  });
});
