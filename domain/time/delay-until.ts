import { z } from 'zod';
import { offsetSchema } from '../input/duration.ts';
import type { Json } from '../json.ts';
import { mostActiveHour, timeOfHour, type ActivityCount } from './most-active-hour.ts';
import { momentOf, readPersonDate } from './person-date.ts';
import { storable } from './storable.ts';
import { nextWallClock, timeOfDaySchema, weekdaysSchema } from './wall-clock.ts';
import { resolveZone, zoneOfPerson, zoneSchema } from './zone.ts';

const untilTimeSchema = z.strictObject({
  time: timeOfDaySchema,
  days: weekdaysSchema.optional(),
  timezone: zoneSchema('person').optional(),
});
export type UntilTime = z.infer<typeof untilTimeSchema>;

const untilAttributeSchema = z.strictObject({
  attribute: z.string().min(1).max(255),
  offset: offsetSchema.optional(),
  time: timeOfDaySchema.optional(),
  timezone: zoneSchema('person').optional(),
});
export type UntilAttribute = z.infer<typeof untilAttributeSchema>;

const untilMostActiveHourSchema = z.strictObject({ mostActiveHour: z.literal(true), time: timeOfDaySchema });
export type UntilMostActiveHour = z.infer<typeof untilMostActiveHourSchema>;

/** What a delay waits for instead of a fixed time. Exactly one fits: a plain union would take an unknown key for a form's only fault. */
export const untilSchema = z.xor([untilTimeSchema, untilAttributeSchema, untilMostActiveHourSchema]);

/** Whom a delay holds: their attributes, and the campaign's zone. */
export type Delayed = { attributes: Record<string, Json>; timezone: string };

/** The next such time on the clock, strictly after `now`. */
export function deadlineByTime({ time, days, timezone }: UntilTime, person: Delayed, now: Date): Date {
  return nextWallClock({ after: now, time, ...(days && { days }), zone: resolveZone(timezone, person) });
}

/** The moment of the person's own date, past or not, within the years 1000 to 9999; null where the attribute is missing or holds no date. */
export function deadlineByAttribute(until: UntilAttribute, person: Delayed): Date | null {
  const { attribute, offset, time, timezone } = until;
  const date = readPersonDate(Object.hasOwn(person.attributes, attribute) ? person.attributes[attribute] : undefined);
  return date && storable(momentOf(date, { offset, time, zone: resolveZone(timezone, person) }));
}

/**
 * The next beginning of the person's most active hour, in their own zone, strictly after `now`, and which hour that is; the next `time`
 * where none stands out.
 */
export function deadlineByActivity(
  until: UntilMostActiveHour,
  person: Delayed,
  counts: ActivityCount[],
  now: Date,
): { at: Date; hour: number | null } {
  const zone = zoneOfPerson(person.attributes, person.timezone);
  const hour = mostActiveHour(counts, zone);
  const time = hour === null ? until.time : timeOfHour(hour);
  return { at: nextWallClock({ after: now, time, zone }), hour };
}
