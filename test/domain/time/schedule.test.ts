import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import { inspect, parseInput, placeOf } from '../../../domain/input/faults.ts';
import { dateTriggerSchema } from '../../../domain/time/date-trigger.ts';
import {
  dueAt,
  dueAtActivity,
  dueTimes,
  isImmediate,
  nextLocalTimes,
  nextOccurrences,
  scheduleTriggerSchema,
} from '../../../domain/time/schedule.ts';

function occurrences(cron: string, zone: string, after: string, count: number): string[] {
  const found = nextOccurrences({ cron }, zone, new Date(after), count);
  return found.map(({ localTime, dueAt: due }) => `${localTime} due ${due.toISOString().slice(0, 16)}`);
}

describe('the local times of a schedule', () => {
  it('follow one another whatever the zone', () => {
    expect(nextLocalTimes({ cron: '30 2 * * *' }, '2026-03-28T02:30', 2)).toEqual([
      '2026-03-29T02:30',
      '2026-03-30T02:30',
    ]);
    expect(nextLocalTimes({ cron: '30 2 * * *' }, '2026-03-28', 0)).toEqual([]);
  });

  it('are a single one for at, if it is still to come', () => {
    expect(nextLocalTimes({ at: '2026-03-01T09:00:00' }, '2026-03-01T08:59', 3)).toEqual(['2026-03-01T09:00']);
    expect(nextLocalTimes({ at: '2026-03-01T09:00' }, '2026-03-01T09:00', 3)).toEqual([]);
    expect(nextLocalTimes({ at: '2026-03-01T09:00:30+01:00' }, '2026-03-01T08:00', 3)).toEqual([
      '2026-03-01T08:00:30Z',
    ]);
  });

  it('are none without at and cron: that goes off at once', () => {
    expect([isImmediate({}), isImmediate({ cron: '0 9 * * *' }), isImmediate({ at: '2026-03-01T09:00' })]).toEqual([
      true,
      false,
      false,
    ]);
    expect(nextLocalTimes({}, '2026-03-01T09:00', 3)).toEqual([]);
    expect(nextOccurrences({}, 'UTC', new Date('2026-03-01T09:00:00Z'), 3)).toEqual([]);
  });
});

describe('the moment of a local time', () => {
  it.each([
    ['2026-03-01T09:00', 'Europe/Paris', '2026-03-01T08:00:00.000Z'],
    ['2026-03-01T09:00', 'GMT-7', '2026-03-01T16:00:00.000Z'],
    ['2026-03-29T02:30', 'Europe/Paris', '2026-03-29T01:30:00.000Z'],
    ['2026-10-25T02:30', 'Europe/Paris', '2026-10-25T00:30:00.000Z'],
    ['2026-03-01T09:00+01:00', 'Asia/Tokyo', '2026-03-01T08:00:00.000Z'],
    ['2026-03-01T08:00Z', 'Asia/Tokyo', '2026-03-01T08:00:00.000Z'],
  ])('%s in %s is %s', (localTime, zone, moment) => {
    expect(dueAt(localTime, zone).toISOString()).toBe(moment);
  });

  it('differs between zones by up to 26 hours; each zone comes once', () => {
    const zones = ['pacific/kiritimati', 'Pacific/Kiritimati', 'GMT-12', 'Asia/Kathmandu', '-12:00', 'Europe/Paris'];
    expect(dueTimes('2026-03-01T09:00', zones).map(({ zone, dueAt: due }) => `${zone} ${due.toISOString()}`)).toEqual([
      'Pacific/Kiritimati 2026-02-28T19:00:00.000Z',
      'Asia/Kathmandu 2026-03-01T03:15:00.000Z',
      'Europe/Paris 2026-03-01T08:00:00.000Z',
      '-12:00 2026-03-01T21:00:00.000Z',
    ]);
  });

  it('can be the most active hour of its date, with its own time where none stands out', () => {
    const busy = [{ at: new Date('2026-02-20T11:30:00Z'), count: 12 }];
    expect(dueAtActivity('2026-03-01T09:30', 'Asia/Tokyo', busy).toISOString()).toBe('2026-03-01T11:00:00.000Z');
    expect(dueAtActivity('2026-03-01T09:30', 'Pacific/Pago_Pago', busy).toISOString()).toBe('2026-03-01T11:00:00.000Z');
    expect(dueAtActivity('2026-03-01T09:30', 'Asia/Tokyo', []).toISOString()).toBe('2026-03-01T00:30:00.000Z');
    expect(dueAtActivity('2026-03-01T09:30:50', 'Asia/Tokyo', []).toISOString()).toBe('2026-03-01T00:30:50.000Z');
  });

  it.each(['soon', '2026-02-30T09:00', '09:00'])('"%s" is none', (localTime) => {
    expect(() => dueAt(localTime, 'UTC')).toThrow(RangeError);
  });
});

describe('the next occurrences in a zone', () => {
  it.each([
    [
      'Europe/Paris',
      '30 2 * * *',
      '2026-03-28T12:00:00Z',
      ['2026-03-29T02:30 due 2026-03-29T01:30', '2026-03-30T02:30 due 2026-03-30T00:30'],
    ],
    [
      'Europe/Paris',
      '30 2 * * *',
      '2026-10-24T12:00:00Z',
      ['2026-10-25T02:30 due 2026-10-25T00:30', '2026-10-26T02:30 due 2026-10-26T01:30'],
    ],
    [
      'America/New_York',
      '30 2 * * *',
      '2026-03-07T12:00:00Z',
      ['2026-03-08T02:30 due 2026-03-08T07:30', '2026-03-09T02:30 due 2026-03-09T06:30'],
    ],
    [
      'Australia/Sydney',
      '30 2 * * *',
      '2026-04-04T12:00:00Z',
      ['2026-04-05T02:30 due 2026-04-04T15:30', '2026-04-06T02:30 due 2026-04-05T16:30'],
    ],
    [
      'Australia/Lord_Howe',
      '15 2 * * *',
      '2026-10-03T12:00:00Z',
      ['2026-10-04T02:15 due 2026-10-03T15:45', '2026-10-05T02:15 due 2026-10-04T15:15'],
    ],
    [
      'America/Sao_Paulo',
      '0 0 * * *',
      '2018-11-03T12:00:00Z',
      ['2018-11-04T00:00 due 2018-11-04T03:00', '2018-11-05T00:00 due 2018-11-05T02:00'],
    ],
    [
      'Pacific/Apia',
      '0 9 * * *',
      '2011-12-29T12:00:00Z',
      ['2011-12-29T09:00 due 2011-12-29T19:00', '2011-12-31T09:00 due 2011-12-30T19:00'],
    ],
    ['Pacific/Apia', '0 9 30 12 *', '2011-12-29T12:00:00Z', ['2011-12-30T09:00 due 2011-12-30T19:00']],
  ])('%s: %s after %s', (zone, cron, after, found) => {
    expect(occurrences(cron, zone, after, found.length)).toEqual(found);
  });

  it('do not forget what a gap moved, when asked just after the gap', () => {
    expect(occurrences('30 2 * * *', 'Europe/Paris', '2026-03-29T01:10:00Z', 1)).toEqual([
      '2026-03-29T02:30 due 2026-03-29T01:30',
    ]);
    expect(occurrences('30 23 * * *', 'America/Nuuk', '2025-03-30T01:10:00Z', 1)).toEqual([
      '2025-03-29T23:30 due 2025-03-30T01:30',
    ]);
    expect(occurrences('0 9 30 12 *', 'Pacific/Apia', '2011-12-30T18:00:00Z', 1)).toEqual([
      '2011-12-30T09:00 due 2011-12-30T19:00',
    ]);
  });

  it('do not repeat in an hour that clocks show twice', () => {
    expect(occurrences('*/30 * * * *', 'Europe/Paris', '2026-10-25T00:30:00Z', 1)).toEqual([
      '2026-10-25T03:00 due 2026-10-25T02:00',
    ]);
  });

  it('are one a moment, in order, where a gap moves times onto others', () => {
    expect(occurrences('*/20 * * * *', 'Europe/Paris', '2026-03-29T00:30:00Z', 5)).toEqual([
      '2026-03-29T01:40 due 2026-03-29T00:40',
      '2026-03-29T03:00 due 2026-03-29T01:00',
      '2026-03-29T03:20 due 2026-03-29T01:20',
      '2026-03-29T03:40 due 2026-03-29T01:40',
      '2026-03-29T04:00 due 2026-03-29T02:00',
    ]);
  });

  it('are a single one for at, if it is still to come', () => {
    const [before, then] = [new Date('2026-03-01T07:59:59Z'), new Date('2026-03-01T08:00:00Z')];
    const local = { localTime: '2026-03-01T09:00', dueAt: then };
    expect(nextOccurrences({ at: '2026-03-01T09:00:00' }, 'Europe/Paris', before, 5)).toEqual([local]);
    expect(nextOccurrences({ at: '2026-03-01T09:00' }, 'Europe/Paris', then, 5)).toEqual([]);
    const fixed = { localTime: '2026-03-01T08:00Z', dueAt: then };
    expect(nextOccurrences({ at: '2026-03-01T09:00:00+01:00' }, 'Asia/Tokyo', before, 5)).toEqual([fixed]);
  });

  it.each([
    ['7 */3 * * *', 'Europe/Paris'],
    ['*/30 1-3 * * *', 'Australia/Lord_Howe'],
    ['0 0 * * *', 'Africa/Cairo'],
    ['30 1,2 * * *', 'America/New_York'],
    ['0 9 31 * *', 'Asia/Kathmandu'],
  ])('of %s in %s are the same one by one and many at once, each strictly later', (cron, zone) => {
    const many = nextOccurrences({ cron }, zone, new Date('2026-01-01T00:00:00Z'), 400);
    let after = new Date('2026-01-01T00:00:00Z');
    for (const occurrence of many) {
      expect(occurrence.dueAt.getTime()).toBeGreaterThan(after.getTime());
      expect(dueAt(occurrence.localTime, zone)).toEqual(occurrence.dueAt);
      expect(nextOccurrences({ cron }, zone, after, 1)).toEqual([occurrence]);
      expect(nextOccurrences({ cron }, zone, new Date(occurrence.dueAt.getTime() - 1), 1)).toEqual([occurrence]);
      after = occurrence.dueAt;
    }
  });
});

describe('a schedule in a definition', () => {
  it.each([
    {},
    { at: '2026-03-01T09:00' },
    { at: '2026-03-01T09:00:00+01:00' },
    { at: '2026-03-01T09:00Z', timezone: 'Europe/Paris' },
    { at: '2026-03-01T09:00', timezone: 'mostActiveHour' },
    { cron: '0 9 * * mon', timezone: 'person' },
    { cron: '0 9 * * mon', timezone: 'GMT-7' },
  ])('with %o stays as it was written', (fields) => {
    const trigger = { type: 'schedule', ...fields };
    const either = z.discriminatedUnion('type', [dateTriggerSchema, scheduleTriggerSchema]);
    expect(parseInput(either, trigger)).toEqual(trigger);
  });

  it.each([
    [{ at: '2026-03-01' }, ['at: write a time such as 2026-03-01T09:00, or with its offset 2026-03-01T09:00:00+01:00']],
    [
      { at: '2026-02-30T09:00' },
      ['at: write a time such as 2026-03-01T09:00, or with its offset 2026-03-01T09:00:00+01:00'],
    ],
    [{ cron: '0 25 * * *' }, ['cron: "25" is no hour; write *, a value of 0-23, a list 1,2, a range 1-5 or steps */2']],
    [{ at: '2026-03-01T09:00', cron: '0 9 * * *' }, ['cron: write at or cron, not both']],
    [
      { at: '2026-03-01T09:00Z', timezone: 'person' },
      ['at: write it without an offset; with timezone person each person has their own'],
    ],
    [
      { at: '2026-03-01T09:00+01:00', timezone: 'mostActiveHour' },
      ['at: write it without an offset; with timezone mostActiveHour each person has their own'],
    ],
    [{ timezone: 'person' }, ['timezone: goes with at or cron; without them the campaign goes off when it is started']],
    [
      { at: '2026-03-01T09:00', timezone: 'mostActiveHours' },
      ['timezone: is no time zone; did you mean "mostActiveHour"?'],
    ],
    [
      { at: '2026-03-01T09:00Z', cron: '0 9 * * * *', timezone: 'person', crn: '' },
      [
        'cron: write five fields, minute hour day month weekday, such as "0 9 * * mon-fri"',
        'crn: unknown key "crn"; did you mean "cron"?',
        'cron: write at or cron, not both',
        'at: write it without an offset; with timezone person each person has their own',
      ],
    ],
  ])('with %o has its faults said in one pass', (fields, faults) => {
    const result = inspect(scheduleTriggerSchema, { type: 'schedule', ...fields });
    const said = result.success ? [] : result.faults.map(({ at, message }) => `${placeOf(at)}: ${message}`);
    expect(said).toEqual(faults);
  });
});
