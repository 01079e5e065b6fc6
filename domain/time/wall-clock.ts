import { z } from 'zod';
import { instantOf, wallOf } from './zone.ts';

export const WEEKDAYS = ['mon', 'tue', 'wed', 'thu', 'fri', 'sat', 'sun'] as const;
const DAY_MS = 86_400_000;

/** A time of day, as it was written: `09:00`, 24 hours, to the minute. */
export const timeOfDaySchema = z
  .string({ error: 'write a time of day such as "09:00", in quotes' })
  .regex(/^(?:[01]\d|2[0-3]):[0-5]\d$/, { error: 'write a time of day such as "09:00", from 00:00 to 23:59' });

/** Days of the week, at least one. */
export const weekdaysSchema = z.array(z.enum(WEEKDAYS)).min(1);
export type Weekday = (typeof WEEKDAYS)[number];

/**
 * The next moment strictly after another at which clocks in the zone show a time, on one of the days (none given: any). What
 * the clock skips happens later by the gap and still belongs to its day; what it shows twice happens once, the first time.
 */
export function nextWallClock(wanted: { after: Date; time: string; days?: Weekday[]; zone: string }): Date {
  const { after, time, days = [], zone } = wanted;
  // A gap may have moved the time of the day before past midnight; the longest, at the date line, was a day.
  const eve = wallOf(after, zone).getTime() - DAY_MS;
  for (let day = 0; ; day += 1) {
    const wall = atTime(new Date(eve + day * DAY_MS), time);
    if (days.length > 0 && !days.some((name) => name === WEEKDAYS[(wall.getUTCDay() + 6) % 7])) continue;
    const moment = instantOf(wall, zone);
    if (moment > after) return moment;
  }
}

/** The same day at another time, both as a Date whose UTC fields are the wall clock's. */
export function atTime(wall: Date, time: string): Date {
  const [hours = 0, minutes = 0] = time.split(':').map(Number);
  const moved = new Date(wall);
  moved.setUTCHours(hours, minutes, 0, 0);
  return moved;
}

/** A wall time as it is written: `2026-03-01T09:00`, with seconds where there are some. */
export const wallText = (wall: Date) => wall.toISOString().replace(/(?::00)?\.000Z$|Z$/, '');
