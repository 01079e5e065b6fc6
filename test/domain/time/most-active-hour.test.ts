import { describe, expect, it } from 'vitest';
import { mostActiveHour, timeOfHour } from '../../../domain/time/most-active-hour.ts';

const counted = (...rows: [at: string, count: number][]) => rows.map(([at, count]) => ({ at: new Date(at), count }));

describe('the most active hour', () => {
  const evening = counted(['2026-03-01T17:45:00Z', 4], ['2026-03-02T17:00:00Z', 3], ['2026-03-02T09:00:00Z', 6]);

  it.each([
    ['UTC', 17],
    ['Europe/Paris', 18],
    ['GMT-7', 10],
    ['Pacific/Kiritimati', 7],
    ['America/St_Johns', 5],
  ])('is an hour of the clock in %s: %d', (zone, hour) => {
    expect(mostActiveHour(evening, zone)).toBe(hour);
  });

  it('puts quarters into the hours of zones that are 45 or 30 minutes off', () => {
    const counts = counted(['2026-03-01T10:00:00Z', 6], ['2026-03-01T10:15:00Z', 5], ['2026-03-01T11:00:00Z', 2]);
    expect(mostActiveHour(counts, 'UTC')).toBe(10);
    expect(mostActiveHour(counts, 'Asia/Kathmandu')).toBe(16);
    expect(mostActiveHour(counts, 'Asia/Kolkata')).toBe(15);
    expect(mostActiveHour(counts, 'Australia/Eucla')).toBe(19);
  });

  it('reads each event on the clock of its own day, before and after a change of the clocks', () => {
    const counts = counted(['2026-03-28T17:00:00Z', 5], ['2026-03-30T16:00:00Z', 5], ['2026-03-30T17:00:00Z', 6]);
    expect(mostActiveHour(counts, 'Europe/Paris')).toBe(18);
    expect(mostActiveHour(counts, 'UTC')).toBe(17);
  });

  it('is the earliest of several', () => {
    const counts = counted(['2026-03-01T21:00:00Z', 5], ['2026-03-01T08:00:00Z', 5], ['2026-03-01T13:00:00Z', 4]);
    expect(mostActiveHour(counts, 'UTC')).toBe(8);
    expect(mostActiveHour(counts, 'Asia/Tokyo')).toBe(6);
  });

  it('needs ten events', () => {
    const nine = counted(['2026-03-01T08:00:00Z', 9]);
    const ten = counted(['2026-03-01T08:00:00Z', 9], ['2026-03-01T09:00:00Z', 1]);
    expect([mostActiveHour([], 'UTC'), mostActiveHour(nine, 'UTC'), mostActiveHour(ten, 'UTC')]).toEqual([
      null,
      null,
      8,
    ]);
    expect(timeOfHour(8)).toBe('08:00');
  });
});
