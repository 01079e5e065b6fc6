import { describe, expect, it } from 'vitest';
import { parseInput } from '../../../domain/input/faults.ts';
import type { Json } from '../../../domain/json.ts';
import {
  deadlineByActivity,
  deadlineByAttribute,
  deadlineByTime,
  untilSchema,
  type UntilAttribute,
  type UntilTime,
} from '../../../domain/time/delay-until.ts';

const tokyo = { attributes: { timezone: 'Asia/Tokyo' }, timezone: 'Europe/Paris' };
const nowhere = { attributes: { timezone: 'Mars/Olympus' }, timezone: 'Europe/Paris' };
const now = new Date('2026-03-01T12:00:00Z');

describe('a delay until a time', () => {
  const deadline = (until: UntilTime, person = tokyo) => deadlineByTime(until, person, now).toISOString();

  it("is in the campaign's zone, in one that is named, or in the person's own", () => {
    expect(deadline({ time: '09:00' })).toBe('2026-03-02T08:00:00.000Z');
    expect(deadline({ time: '09:00', timezone: 'GMT-7' })).toBe('2026-03-01T16:00:00.000Z');
    expect(deadline({ time: '09:00', timezone: 'person' })).toBe('2026-03-02T00:00:00.000Z');
    expect(deadline({ time: '09:00', timezone: 'person' }, nowhere)).toBe('2026-03-02T08:00:00.000Z');
    expect(deadline({ time: '09:00', timezone: 'person', days: ['fri'] })).toBe('2026-03-06T00:00:00.000Z');
  });
});

describe("a delay until a person's date", () => {
  const deadline = (date: Json, until: Omit<UntilAttribute, 'attribute'> = {}) => {
    const person = { attributes: { date, timezone: 'America/New_York' }, timezone: 'Europe/Paris' };
    return deadlineByAttribute({ attribute: 'date', ...until }, person)?.toISOString() ?? null;
  };

  it.each([
    ['2026-03-01', {}, '2026-02-28T23:00:00.000Z'],
    ['2026-03-01', { timezone: 'person' }, '2026-03-01T05:00:00.000Z'],
    ['2026-03-01', { time: '09:00' }, '2026-03-01T08:00:00.000Z'],
    ['2026-03-01', { time: '09:00', timezone: 'Pacific/Kiritimati' }, '2026-02-28T19:00:00.000Z'],
    ['2026-03-01T10:15', {}, '2026-03-01T09:15:00.000Z'],
    ['2026-03-01T10:15:30.25', { timezone: 'UTC' }, '2026-03-01T10:15:30.250Z'],
    ['2026-03-01T10:15', { time: '09:00' }, '2026-03-01T08:00:00.000Z'],
    ['2026-03-01T10:15:00Z', {}, '2026-03-01T10:15:00.000Z'],
    ['2026-03-01T10:15:00-08:00', { timezone: 'person' }, '2026-03-01T18:15:00.000Z'],
    ['2026-03-01T23:30:00Z', { time: '09:00' }, '2026-03-02T08:00:00.000Z'],
    ['2026-03-01T23:30:00Z', { time: '09:00', timezone: 'person' }, '2026-03-01T14:00:00.000Z'],
    ['9999-12-31', { offset: '1d', timezone: 'UTC' }, '9999-12-31T23:59:59.999Z'],
    ['9999-12-31', { time: '20:00', timezone: 'America/New_York' }, '9999-12-31T23:59:59.999Z'],
    ['1000-01-01', { timezone: 'UTC' }, '1000-01-01T00:00:00.000Z'],
    ['0001-01-01T00:00:00', { timezone: 'Europe/Paris' }, '1000-01-01T00:00:00.000Z'],
  ])('%s with %o is %s', (date, until, moment) => {
    expect(deadline(date, until)).toBe(moment);
  });

  it.each([
    ['2026-03-30', { offset: '-3d' }, '2026-03-26T23:00:00.000Z'],
    ['2026-03-30', { offset: '-3d', time: '09:00' }, '2026-03-27T08:00:00.000Z'],
    ['2026-03-30', { offset: '-72h' }, '2026-03-26T22:00:00.000Z'],
    ['2026-03-30', { offset: '-1w2h' }, '2026-03-22T21:00:00.000Z'],
    ['2026-03-31', { offset: '-1mo' }, '2026-02-27T23:00:00.000Z'],
    ['2024-02-29', { offset: '1y' }, '2025-02-27T23:00:00.000Z'],
    ['2026-03-30T10:00:00Z', { offset: '-2h' }, '2026-03-30T08:00:00.000Z'],
    ['2026-03-30T10:00:00Z', { offset: '-3d' }, '2026-03-27T11:00:00.000Z'],
    ['2026-03-01T02:30', { offset: '4w' }, '2026-03-29T01:30:00.000Z'],
    ['2026-10-25T01:30:00Z', {}, '2026-10-25T01:30:00.000Z'],
    ['2026-10-24T02:30', { offset: '1d' }, '2026-10-25T00:30:00.000Z'],
    ['2026-10-24T02:30', { offset: '1d1h' }, '2026-10-25T01:30:00.000Z'],
  ])('%s moved by %o in Paris is %s: days by the calendar, hours as they pass', (date, until, moment) => {
    expect(deadline(date, until)).toBe(moment);
  });

  it.each(['', 'soon', '2026-02-30', '2026-03-01 09:00', '2026-3-1', 1_767_225_600, null, true, ['2026-03-01']])(
    'is nothing if the attribute is %o',
    (value) => {
      expect(deadline(value)).toBeNull();
    },
  );

  it('is nothing if the attribute is missing, whatever every object has', () => {
    expect(deadlineByAttribute({ attribute: 'renewal_date' }, tokyo)).toBeNull();
    expect(deadlineByAttribute({ attribute: 'constructor' }, tokyo)).toBeNull();
  });
});

describe('a delay until the most active hour', () => {
  const until = { mostActiveHour: true, time: '09:00' } as const;
  const busy = [{ at: new Date('2026-02-20T11:30:00Z'), count: 12 }];
  const byActivity = (person: typeof tokyo, counts: typeof busy, from: Date) => {
    const { at, hour } = deadlineByActivity(until, person, counts, from);
    return [at.toISOString(), hour];
  };

  it("is the next such hour in the person's zone, strictly after now", () => {
    expect(byActivity(tokyo, busy, now)).toEqual(['2026-03-02T11:00:00.000Z', 20]);
    const before = new Date('2026-03-01T10:59:59.999Z');
    expect(byActivity(tokyo, busy, before)).toEqual(['2026-03-01T11:00:00.000Z', 20]);
    expect(byActivity(nowhere, busy, now)).toEqual(['2026-03-02T11:00:00.000Z', 12]);
  });

  it("without one is the given time in the person's zone", () => {
    expect(byActivity(tokyo, [], now)).toEqual(['2026-03-02T00:00:00.000Z', null]);
    expect(byActivity(nowhere, [], now)).toEqual(['2026-03-02T08:00:00.000Z', null]);
  });
});

describe('until in a definition', () => {
  it.each([
    { time: '09:00' },
    { time: '09:00', days: ['mon', 'fri'], timezone: 'person' },
    { attribute: 'renewal_date' },
    { attribute: 'renewal_date', offset: '-3d', time: '09:00', timezone: 'GMT-7' },
    { mostActiveHour: true, time: '09:00' },
  ])('%o stays as it was written', (until) => {
    expect(parseInput(untilSchema, until)).toEqual(until);
  });

  it.each([
    [
      {},
      'write exactly one of { time, days, timezone }, { attribute, offset, time, timezone } or { mostActiveHour, time }',
    ],
    [
      { mostActiveHour: true, time: '09:00', timezone: 'person' },
      'write exactly one of { time, days, timezone }, { attribute,',
    ],
    [{ mostActiveHour: true }, 'time: write a time of day such as "09:00", in quotes'],
    [{ mostActiveHour: false, time: '09:00' }, 'mostActiveHour: false is not known; use true'],
    [{ attribute: 'renewal_date', ofset: '-3d' }, 'ofset: unknown key "ofset"; did you mean "offset"?'],
    [{ attribute: 'renewal_date', time: '09:00', offset: -3 }, 'offset: write an offset such as -3d or 1mo'],
    [{ attribute: 'renewal_date', days: ['mon'] }, 'days: unknown key "days"; use attribute, offset, time or timezone'],
    [
      { attribute: 'renewal_date', mostActiveHour: true },
      'mostActiveHour: unknown key "mostActiveHour"; use attribute, offset, time or timezone',
    ],
    [{ attribute: 'renewal_date', offset: '3 days' }, 'offset: write an offset such as -7d or 1mo'],
    [{ attribute: 'renewal_date', timezone: 'Europe/Pari' }, 'timezone: is no time zone; did you mean "Europe/Paris"?'],
    [{ time: '25:00' }, 'time: write a time of day such as "09:00", from 00:00 to 23:59'],
    [{ time: '09:00', day: ['mon'] }, 'day: unknown key "day"; did you mean "days"?'],
    [{ time: '09:00', timezone: 'mostActiveHour' }, 'timezone: is no time zone; write one such as Europe/Paris'],
  ])('%o is refused in words', (until, message) => {
    expect(() => parseInput(untilSchema, until)).toThrow(message);
  });
});
