import { describe, expect, it } from 'vitest';
import { readWindow } from '../../../domain/condition/window.ts';

describe('a window of the clock', () => {
  it.each([
    // The night of 29 March 2026, when clocks in Paris go from 02:00 to 03:00.
    ['2026-03-29T00:59:00Z', 'sun 01:59 Europe/Paris', false],
    ['2026-03-29T01:00:00Z', 'sun 03:00 Europe/Paris', true],
    // The night of 25 October 2026, when they go from 03:00 back to 02:00.
    ['2026-10-25T00:30:00Z', 'sun 02:30 Europe/Paris', true],
    ['2026-10-25T01:30:00Z', 'sun 02:30 Europe/Paris', true],
    ['2026-10-25T02:00:00Z', 'sun 03:00 Europe/Paris', true],
    ['2026-10-25T03:00:00Z', 'sun 04:00 Europe/Paris', false],
  ])('from 02:30 to 04:00 at %s, when it is %s: %j', (at, clock, holds) => {
    const window = { from: '02:30', to: '04:00' };
    expect(readWindow(window, new Date(at), 'Europe/Paris')).toEqual({ holds, clock });
  });

  it.each([
    ['2026-04-03T21:59:59.999Z', false],
    ['2026-04-03T22:00:00Z', true],
    ['2026-04-04T05:59:59.999Z', true],
    ['2026-04-04T06:00:00Z', false],
    ['2026-04-04T22:00:00Z', false],
    ['2026-04-03T05:00:00Z', false],
  ])('from Friday 22:00 to 06:00 belongs to Friday: %s %j', (at, holds) => {
    expect(readWindow({ days: ['fri'], from: '22:00', to: '06:00' }, new Date(at), 'UTC').holds).toBe(holds);
  });

  it('from Saturday to Sunday goes over the end of the week', () => {
    const night = { days: ['sat' as const], from: '22:00', to: '06:00' };
    expect(readWindow(night, new Date('2026-04-05T01:00:00Z'), 'UTC')).toEqual({ holds: true, clock: 'sun 01:00 UTC' });
  });
});
