import { z } from 'zod';
import { timeOfDaySchema, WEEKDAYS, weekdaysSchema } from '../time/wall-clock.ts';
import { wallOf, zoneSchema } from '../time/zone.ts';

const DAY_MINUTES = 24 * 60;

/**
 * `{ days?, from?, to?, timezone? }`: on these days of the week from `from` up to, not including, `to`. With `from` after `to` it
 * spans midnight, and belongs to the day on which it began.
 */
export const windowSchema = z
  .strictObject({
    days: weekdaysSchema.optional(),
    from: timeOfDaySchema.optional(),
    to: timeOfDaySchema.optional(),
    timezone: zoneSchema('person').optional(),
  })
  .superRefine(({ days, from, to }, ctx) => {
    if (!days && from === undefined && to === undefined) ctx.addIssue('write days, from or to');
    if (to !== undefined && to === (from ?? '00:00')) {
      ctx.addIssue({
        code: 'custom',
        path: ['to'],
        message: 'is when it begins; leave from and to out for whole days',
      });
    }
  });
export type Window = z.infer<typeof windowSchema>;

/** Whether a moment is in the window, and what clocks of that zone show then: `fri 09:30 Europe/Paris`. */
export type Reading = { holds: boolean; clock: string };

export function readWindow(window: Window, now: Date, zone: string): Reading {
  const { holds, time } = readWall(window, wallOf(now, zone));
  return { holds, clock: `${time} ${zone}` };
}

/** Whether a wall time is in the window, and what clocks show then: `fri 09:30`. */
export function readWall(
  { days = [...WEEKDAYS], from = '00:00', to }: Window,
  wall: Date,
): { holds: boolean; time: string } {
  const [start, end] = [minuteOf(from), to === undefined ? DAY_MINUTES : minuteOf(to)];
  const minute = wall.getUTCHours() * 60 + wall.getUTCMinutes();
  const isDay = (weekday: number) => days.some((day) => day === WEEKDAYS[(weekday + 7) % 7]);
  // Weeks begin on Monday here, and on Sunday there.
  const today = (wall.getUTCDay() + 6) % 7;
  const holds =
    start < end
      ? isDay(today) && minute >= start && minute < end
      : (isDay(today) && minute >= start) || (isDay(today - 1) && minute < end);
  return { holds, time: `${WEEKDAYS[today]} ${wall.toISOString().slice(11, 16)}` };
}

const minuteOf = (time: string): number => Number(time.slice(0, 2)) * 60 + Number(time.slice(3));
