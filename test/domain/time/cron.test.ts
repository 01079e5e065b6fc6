import { describe, expect, it } from 'vitest';
import { parseInput } from '../../../domain/input/faults.ts';
import { cronSchema, cronTimes } from '../../../domain/time/cron.ts';

function times(expression: string, after: string, count: number): string[] {
  const found: string[] = [];
  for (const at of cronTimes(expression, new Date(`${after}Z`))) {
    if (found.push(at.toISOString().slice(0, 16)) === count) break;
  }
  return found;
}

describe('a cron expression', () => {
  it.each([
    ['30 2 * * *', '2026-03-28T02:30', ['2026-03-29T02:30', '2026-03-30T02:30']],
    ['0,45 9-10 * * *', '2026-03-01T09:00', ['2026-03-01T09:45', '2026-03-01T10:00', '2026-03-01T10:45']],
    ['*/25 * * * *', '2026-03-01T09:10', ['2026-03-01T09:25', '2026-03-01T09:50', '2026-03-01T10:00']],
    ['0 8-20/6 * * *', '2026-03-01T09:00', ['2026-03-01T14:00', '2026-03-01T20:00', '2026-03-02T08:00']],
    ['0 9 * * mon-fri', '2026-02-27T09:00', ['2026-03-02T09:00', '2026-03-03T09:00']],
    ['0 9 * * 0', '2026-02-27T09:00', ['2026-03-01T09:00', '2026-03-08T09:00']],
    ['0 9 * * 7', '2026-02-27T09:00', ['2026-03-01T09:00', '2026-03-08T09:00']],
    ['0 9 * JAN,jul 1', '2026-07-27T09:00', ['2027-01-04T09:00', '2027-01-11T09:00']],
    ['0 9 31 * *', '2026-01-01T00:00', ['2026-01-31T09:00', '2026-03-31T09:00', '2026-05-31T09:00']],
    ['0 9 29 2 *', '2026-01-01T00:00', ['2028-02-29T09:00', '2032-02-29T09:00']],
    ['0 9 29 2 *', '2096-03-01T00:00', ['2104-02-29T09:00']],
    ['0 9 L * *', '2028-02-01T00:00', ['2028-02-29T09:00', '2028-03-31T09:00']],
    ['0 9 13 * fri', '2026-03-01T00:00', ['2026-03-06T09:00', '2026-03-13T09:00', '2026-03-20T09:00']],
    ['  0 9\t* * *  ', '2026-03-01T09:00', ['2026-03-02T09:00']],
    ['0 0 1 1 *', '2998-06-01T00:00', ['2999-01-01T00:00']],
  ])('%s after %s comes at %s', (expression, after, found) => {
    expect(parseInput(cronSchema, expression)).toBe(expression);
    expect(times(expression, after, found.length)).toEqual(found);
  });

  it('comes strictly later, to the millisecond', () => {
    expect(times('0 9 * * *', '2026-03-01T08:59:59.999', 1)).toEqual(['2026-03-01T09:00']);
    expect(times('0 9 * * *', '2026-03-01T09:00:00.001', 1)).toEqual(['2026-03-02T09:00']);
  });

  it.each([
    ['', 'write five fields, minute hour day month weekday, such as "0 9 * * mon-fri"'],
    ['0 9 * *', 'write five fields, minute hour day month weekday, such as "0 9 * * mon-fri"'],
    ['0 0 9 * * *', 'write five fields, minute hour day month weekday, such as "0 9 * * mon-fri"'],
    ['@daily', 'write five fields, minute hour day month weekday, such as "0 9 * * mon-fri"'],
    ['2026-03-01T09:00', 'write five fields, minute hour day month weekday, such as "0 9 * * mon-fri"'],
    ['60 9 * * *', '"60" is no minute; write *, a value of 0-59, a list 1,2, a range 1-5 or steps */2'],
    ['0 24 * * *', '"24" is no hour; write *, a value of 0-23'],
    ['0 22-2 * * *', '"22-2" is no hour; write *, a value of 0-23'],
    ['0 9 0 * *', '"0" is no day of the month; write *, a value of 1-31'],
    ['0 9 1-40 * *', '"1-40" is no day of the month'],
    ['0 9 * 13 *', '"13" is no month; write *, a value of 1-12 or jan-dec'],
    ['0 9 * * fry', '"fry" is no weekday; write *, a value of 0-7'],
    ['0 9 * * 1,', '"1," is no weekday'],
    ['0 9 ? * *', '"?" is no day of the month'],
    ['0 9 * * +1', '"+1" is no weekday'],
    ['5/10 9 * * *', '"5/10" is no minute'],
    ['*/0 9 * * *', '"*/0" is no minute'],
    ['0 9 30 2 *', 'never comes; there is no such date'],
    [`0 9 ${'1,'.repeat(200)}1 * *`, 'write five fields'],
  ])('"%s" is refused in words', (expression, message) => {
    expect(() => parseInput(cronSchema, expression)).toThrow(message);
  });
});
