import { describe, expect, it } from 'vitest';
import { parseInput } from '../../../domain/input/faults.ts';
import { nextWallClock, timeOfDaySchema, weekdaysSchema, type Weekday } from '../../../domain/time/wall-clock.ts';
import { instantOf, wallOf } from '../../../domain/time/zone.ts';

const next = (after: string, time: string, zone: string, days?: Weekday[]) =>
  nextWallClock({ after: new Date(after), time, zone, ...(days && { days }) }).toISOString();

describe('the next time on the clock', () => {
  it.each([
    ['2026-03-01T07:59:59.999Z', '09:00', 'Europe/Paris', '2026-03-01T08:00:00.000Z'],
    ['2026-03-01T08:00:00Z', '09:00', 'Europe/Paris', '2026-03-02T08:00:00.000Z'],
    ['2026-03-01T08:00:00.001Z', '09:00', 'Europe/Paris', '2026-03-02T08:00:00.000Z'],
    ['2026-03-01T12:00:00Z', '00:00', 'GMT-7', '2026-03-02T07:00:00.000Z'],
    ['2026-03-01T12:00:00Z', '00:00', 'GMT+5:30', '2026-03-01T18:30:00.000Z'],
    ['2026-03-01T12:00:00Z', '09:00', 'Pacific/Kiritimati', '2026-03-01T19:00:00.000Z'],
    ['2026-03-01T12:00:00Z', '09:00', 'Pacific/Pago_Pago', '2026-03-01T20:00:00.000Z'],
    ['2028-02-28T20:00:00Z', '09:00', 'UTC', '2028-02-29T09:00:00.000Z'],
    ['2026-12-31T23:30:00Z', '23:15', 'UTC', '2027-01-01T23:15:00.000Z'],
  ])('after %s, %s in %s, is at %s', (after, time, zone, moment) => {
    expect(next(after, time, zone)).toBe(moment);
  });

  it.each([
    ['2026-03-01T12:00:00Z', ['mon'], 'Pacific/Kiritimati', '2026-03-01T19:00:00.000Z'],
    ['2026-03-01T12:00:00Z', ['sun'], 'Pacific/Kiritimati', '2026-03-07T19:00:00.000Z'],
    ['2026-03-01T12:00:00Z', ['sun'], 'Pacific/Pago_Pago', '2026-03-01T20:00:00.000Z'],
    ['2026-03-01T12:00:00Z', ['sat', 'wed'], 'UTC', '2026-03-04T09:00:00.000Z'],
    ['2026-03-01T09:00:00Z', ['sun'], 'UTC', '2026-03-08T09:00:00.000Z'],
  ] satisfies [string, Weekday[], string, string][])(
    'after %s, at 09:00 on %s of the calendar in %s, is at %s',
    (after, days, zone, moment) => {
      expect(next(after, '09:00', zone, days)).toBe(moment);
    },
  );

  it.each([
    ['Europe/Paris', '02:30', '2026-03-28T12:00:00Z', ['2026-03-29T01:30', '2026-03-30T00:30']],
    ['Europe/Paris', '02:30', '2026-10-24T12:00:00Z', ['2026-10-25T00:30', '2026-10-26T01:30']],
    ['America/New_York', '02:30', '2026-03-07T12:00:00Z', ['2026-03-08T07:30', '2026-03-09T06:30']],
    ['America/New_York', '01:30', '2026-10-31T12:00:00Z', ['2026-11-01T05:30', '2026-11-02T06:30']],
    ['Australia/Sydney', '02:30', '2026-10-03T12:00:00Z', ['2026-10-03T16:30', '2026-10-04T15:30']],
    ['Australia/Sydney', '02:30', '2026-04-04T12:00:00Z', ['2026-04-04T15:30', '2026-04-05T16:30']],
    ['Australia/Lord_Howe', '02:15', '2026-10-03T12:00:00Z', ['2026-10-03T15:45', '2026-10-04T15:15']],
    ['Australia/Lord_Howe', '01:45', '2026-04-04T12:00:00Z', ['2026-04-04T14:45', '2026-04-05T15:15']],
    ['America/Sao_Paulo', '00:00', '2018-11-03T12:00:00Z', ['2018-11-04T03:00', '2018-11-05T02:00']],
    ['Africa/Cairo', '00:00', '2026-04-23T12:00:00Z', ['2026-04-23T22:00', '2026-04-24T21:00']],
    ['America/Nuuk', '23:30', '2025-03-29T12:00:00Z', ['2025-03-30T01:30', '2025-03-31T00:30']],
    ['Pacific/Apia', '09:00', '2011-12-29T12:00:00Z', ['2011-12-29T19:00', '2011-12-30T19:00', '2011-12-31T19:00']],
  ])('comes once a day in %s at %s, on the hard day too', (zone, time, after, moments) => {
    let last = after;
    for (const moment of moments) {
      last = next(last, time, zone);
      expect(last.slice(0, 16)).toBe(moment);
    }
  });

  it('still comes where a gap moved it past midnight, and belongs to the day before', () => {
    expect(next('2025-03-30T01:00:00Z', '23:30', 'America/Nuuk', ['sat'])).toBe('2025-03-30T01:30:00.000Z');
    expect(next('2025-03-30T01:30:00Z', '23:30', 'America/Nuuk', ['sat'])).toBe('2025-04-06T00:30:00.000Z');
  });

  it('does not come in the second pass of an hour that clocks show twice', () => {
    expect(next('2026-10-25T00:45:00Z', '02:30', 'Europe/Paris')).toBe('2026-10-26T01:30:00.000Z');
    expect(next('2026-10-25T01:15:00Z', '02:30', 'Europe/Paris')).toBe('2026-10-26T01:30:00.000Z');
  });

  it('is strictly later, within 50 hours, and shows the time unless a gap moved it', () => {
    const zones = [
      'Europe/Paris',
      'America/St_Johns',
      'Australia/Lord_Howe',
      'Asia/Kathmandu',
      'Africa/Cairo',
      'GMT-7',
    ];
    for (const zone of zones) {
      for (let step = 0; step < 400; step += 1) {
        const after = new Date(Date.UTC(2026, 0, 1) + step * 22 * 3_600_000 + step * 61_000);
        const time = `${String(step % 24).padStart(2, '0')}:${String((step * 7) % 60).padStart(2, '0')}`;
        const moment = nextWallClock({ after, time, zone });
        expect(moment.getTime()).toBeGreaterThan(after.getTime());
        expect(moment.getTime() - after.getTime()).toBeLessThan(50 * 3_600_000);
        const shown = wallOf(moment, zone).toISOString();
        const wanted = `${shown.slice(0, 11)}${time}:00.000Z`;
        if (shown !== wanted) expect(instantOf(new Date(wanted), zone)).toEqual(moment);
      }
    }
  });
});

describe('a time of day and days in a definition', () => {
  it.each(['9:00', '24:00', '09:60', '09:00:00', '09.00', ''])('"%s" is no time of day', (time) => {
    expect(() => parseInput(timeOfDaySchema, time)).toThrow('write a time of day such as "09:00", from 00:00 to 23:59');
  });

  it('are refused in words', () => {
    expect(() => parseInput(timeOfDaySchema, 540)).toThrow('write a time of day such as "09:00", in quotes');
    expect(() => parseInput(weekdaysSchema, [])).toThrow('must not be empty');
    expect(() => parseInput(weekdaysSchema, ['mon', 'tus'])).toThrow('[1]: "tus" is not known; did you mean "tue"?');
  });
});
