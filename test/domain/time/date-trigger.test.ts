import { describe, expect, it } from 'vitest';
import { parseInput } from '../../../domain/input/faults.ts';
import type { Json } from '../../../domain/json.ts';
import { dateOccurrence, dateTriggerSchema } from '../../../domain/time/date-trigger.ts';

type Wanted = { offset?: string; time?: string; zone?: string; yearly?: boolean; after?: string };

function occurrence(value: Json, { zone = 'Europe/Paris', after = '2026-06-01T00:00:00Z', ...wanted }: Wanted = {}) {
  const found = dateOccurrence({ value, zone, after: new Date(after), ...wanted });
  return found && `${found.occurrence} due ${found.dueAt.toISOString()}`;
}

describe("the occurrence of a person's date", () => {
  it.each([
    ['2026-07-01', {}, '2026-07-01 due 2026-06-30T22:00:00.000Z'],
    ['2026-07-01', { time: '09:00', offset: '-3d' }, '2026-07-01 due 2026-06-28T07:00:00.000Z'],
    ['2026-03-01', { time: '09:00' }, '2026-03-01 due 2026-03-01T08:00:00.000Z'],
    ['2026-07-01T10:00:00', {}, '2026-07-01T10:00 due 2026-07-01T08:00:00.000Z'],
    ['2026-07-01T10:00:00+02:00', {}, '2026-07-01T08:00:00.000Z due 2026-07-01T08:00:00.000Z'],
    ['2026-07-01T23:30:00Z', { time: '09:00' }, '2026-07-01T23:30:00.000Z due 2026-07-02T07:00:00.000Z'],
  ])('of %s with %o is %s, past or not', (value, wanted, found) => {
    expect(occurrence(value, wanted)).toBe(found);
  });

  it('keeps its name where a person moves, so that it is known as the same', () => {
    const values = ['2026-07-01', '2026-07-01T10:00', '2026-07-01T23:30:00Z'];
    for (const value of values) {
      for (const yearly of [false, true]) {
        const names = ['Pacific/Kiritimati', 'Europe/Paris', 'Pacific/Pago_Pago'].map(
          (zone) => dateOccurrence({ value, zone, yearly, after: new Date('2027-01-01T00:00:00Z') })?.occurrence,
        );
        expect(new Set(names).size).toBe(1);
      }
    }
  });

  it.each(['soon', '2026-02-30', '', null, 1_767_225_600, { date: '2026-07-01' }])('is none if it is %o', (value) => {
    expect(occurrence(value)).toBeNull();
    expect(occurrence(value, { yearly: true })).toBeNull();
  });
});

describe('a yearly date', () => {
  it.each([
    ['1990-07-01', '2026-06-01T00:00:00Z', '2026-07-01 due 2026-07-01T07:00:00.000Z'],
    ['1990-07-01', '2026-07-01T06:59:59Z', '2026-07-01 due 2026-07-01T07:00:00.000Z'],
    ['1990-07-01', '2026-07-01T07:00:00Z', '2027-07-01 due 2027-07-01T07:00:00.000Z'],
    ['1990-01-01', '2026-12-31T23:00:00Z', '2027-01-01 due 2027-01-01T08:00:00.000Z'],
    ['1990-12-31', '2026-12-31T23:00:00Z', '2027-12-31 due 2027-12-31T08:00:00.000Z'],
    ['2030-07-01', '2026-06-01T00:00:00Z', '2030-07-01 due 2030-07-01T07:00:00.000Z'],
    ['0001-01-01', '2026-06-01T00:00:00Z', '2027-01-01 due 2027-01-01T08:00:00.000Z'],
    ['1988-02-29', '2026-06-01T00:00:00Z', '2027-02-28 due 2027-02-28T08:00:00.000Z'],
    ['1988-02-29', '2027-06-01T00:00:00Z', '2028-02-29 due 2028-02-29T08:00:00.000Z'],
    ['1988-02-29', '2028-02-29T08:00:00Z', '2029-02-28 due 2029-02-28T08:00:00.000Z'],
    ['1988-02-28', '2027-06-01T00:00:00Z', '2028-02-28 due 2028-02-28T08:00:00.000Z'],
  ])('%s at 09:00 after %s is %s', (value, after, found) => {
    expect(occurrence(value, { yearly: true, time: '09:00', after })).toBe(found);
  });

  it.each([
    ['-3d', '2026-06-29T00:00:00Z', '2027-07-01 due 2027-06-27T22:00:00.000Z'],
    ['3d', '2026-07-02T00:00:00Z', '2026-07-01 due 2026-07-03T22:00:00.000Z'],
    ['-1y', '2026-06-29T00:00:00Z', '2027-07-01 due 2026-06-30T22:00:00.000Z'],
    ['-100y', '2026-06-29T00:00:00Z', '2126-07-01 due 2026-06-30T22:00:00.000Z'],
    ['100y', '2026-06-29T00:00:00Z', '1990-07-01 due 2090-06-30T22:00:00.000Z'],
  ])('moved by %s is found by when it is due', (offset, after, found) => {
    expect(occurrence('1990-07-01', { yearly: true, offset, after })).toBe(found);
  });

  it('keeps the time on the clock over the years, and an instant its day in the zone', () => {
    const after = '2026-06-01T00:00:00Z';
    expect(occurrence('1990-03-29T02:30', { yearly: true, after: '2026-03-01T00:00:00Z' })).toBe(
      '2026-03-29T02:30 due 2026-03-29T01:30:00.000Z',
    );
    expect(occurrence('1990-07-01T22:30:00Z', { yearly: true, after, time: '09:00' })).toBe(
      '2026-07-01T22:30:00.000Z due 2026-07-02T07:00:00.000Z',
    );
    expect(occurrence('1990-01-01T12:00:00Z', { yearly: true, after, zone: 'America/New_York' })).toBe(
      '2027-01-01T12:00:00.000Z due 2027-01-01T12:00:00.000Z',
    );
  });

  it('comes once a year, one after the other, whatever the date and the offset', () => {
    for (const value of ['1988-02-29', '1990-01-01', '1999-12-31T23:59', '1995-03-26T00:30:00Z']) {
      for (const offset of ['0d', '-1d', '11mo', '-14mo3d', '36h']) {
        let after = new Date('2020-01-01T00:00:00Z');
        for (let year = 0; year < 12; year += 1) {
          const found = dateOccurrence({ value, offset, zone: 'Australia/Lord_Howe', yearly: true, after });
          const days = ((found?.dueAt.getTime() ?? 0) - after.getTime()) / 86_400_000;
          expect(days).toBeGreaterThan(0);
          expect(days).toBeLessThan(369);
          if (year > 0) expect(days).toBeGreaterThan(362);
          after = found?.dueAt ?? after;
        }
      }
    }
  });
});

describe('a date trigger in a definition', () => {
  it('stays as it was written', () => {
    const trigger = {
      type: 'date',
      attribute: 'renewal',
      offset: '-3d',
      time: '09:00',
      timezone: 'person',
      yearly: true,
    };
    expect(parseInput(dateTriggerSchema, trigger)).toEqual(trigger);
    expect(parseInput(dateTriggerSchema, { type: 'date', attribute: 'x' })).toEqual({ type: 'date', attribute: 'x' });
  });

  it.each([
    [{}, 'attribute: is missing; write a string'],
    [{ attribute: '' }, 'attribute: must not be empty'],
    [{ attribute: 'x', offset: '-101y' }, 'offset: is too long; write at most 100y'],
    [{ attribute: 'x', offset: -3 }, 'offset: write an offset such as -3d or 1mo'],
    [{ attribute: 'x', time: '9:00' }, 'time: write a time of day such as "09:00", from 00:00 to 23:59'],
    [{ attribute: 'x', timezone: 'mostActiveHour' }, 'timezone: is no time zone; write one such as Europe/Paris'],
    [{ attribute: 'x', yearly: 'yes' }, 'yearly: must be true or false, not a string'],
    [{ attribute: 'x', yearl: true }, 'yearl: unknown key "yearl"; did you mean "yearly"?'],
  ])('with %o is refused in words', (fields, message) => {
    expect(() => parseInput(dateTriggerSchema, { type: 'date', ...fields })).toThrow(message);
  });
});
