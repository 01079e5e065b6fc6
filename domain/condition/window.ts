import { z } from 'zod';
import { nearest } from '../input/nearest.ts';
import { offsetMinutes } from '../liquid/zone.ts';

const DAYS = ['sun', 'mon', 'tue', 'wed', 'thu', 'fri', 'sat'] as const;
const DAY_MINUTES = 24 * 60;
const TIME = /^(?:[01]\d|2[0-3]):[0-5]\d$/;
const FIXED = /^(?:(?:UTC|GMT)?[+-](?:0?\d|1[0-4])(?::?[0-5]\d)?|UTC|GMT|Z)$/i;

const timeSchema = z
  .string({ error: 'write a time of day such as "09:00"' })
  .regex(TIME, { error: 'write a time of day such as "09:00"' });

const zoneSchema = z.string().refine((name) => name === 'person' || isZone(name), {
  error: ({ input }) => {
    const near = nearest(String(input), ['person', ...Intl.supportedValuesOf('timeZone')]);
    return `is no time zone; write one such as ${near ?? 'Europe/Paris, a fixed offset such as GMT-7, or person'}`;
  },
});

/**
 * `{ days?, from?, to?, timezone? }`: on these days of the week from `from` up to, not including, `to`. With `from` after `to` it
 * spans midnight, and belongs to the day on which it began.
 */
export const windowSchema = z
  .strictObject({
    days: z.array(z.enum(DAYS)).min(1).optional(),
    from: timeSchema.optional(),
    to: timeSchema.optional(),
    timezone: zoneSchema.optional(),
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

export function readWindow({ days = [...DAYS], from = '00:00', to }: Window, now: Date, zone: string): Reading {
  const wall = new Date(now.getTime() + offsetMinutes(zone, now.getTime()) * 60_000);
  const [start, end] = [minuteOf(from), to === undefined ? DAY_MINUTES : minuteOf(to)];
  const minute = wall.getUTCHours() * 60 + wall.getUTCMinutes();
  const isDay = (weekday: number) => days.some((day) => day === DAYS[(weekday + 7) % 7]);
  const today = wall.getUTCDay();
  const holds =
    start < end
      ? isDay(today) && minute >= start && minute < end
      : (isDay(today) && minute >= start) || (isDay(today - 1) && minute < end);
  return { holds, clock: `${DAYS[today]} ${wall.toISOString().slice(11, 16)} ${zone}` };
}

/** Whether a name is an IANA zone that this runtime knows, or a fixed offset such as `GMT-7`. */
export function isZone(name: string): boolean {
  if (FIXED.test(name)) return true;
  try {
    new Intl.DateTimeFormat('en', { timeZone: name }).resolvedOptions();
    return /^[A-Za-z]/.test(name);
  } catch {
    return false;
  }
}

const minuteOf = (time: string): number => Number(time.slice(0, 2)) * 60 + Number(time.slice(3));
