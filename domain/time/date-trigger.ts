import { z } from 'zod';
import { offsetSchema } from '../input/duration.ts';
import type { Json } from '../json.ts';
import { anniversary, momentOf, nameOf, readPersonDate, type Shift } from './person-date.ts';
import { LATEST } from './storable.ts';
import { timeOfDaySchema } from './wall-clock.ts';
import { resolveZone, zoneSchema } from './zone.ts';

/** Enters each person at the moment of their own date, with `yearly` on each anniversary from the date itself on. */
export const dateTriggerSchema = z.strictObject({
  type: z.literal('date'),
  attribute: z.string().min(1).max(255),
  offset: offsetSchema.optional(),
  time: timeOfDaySchema.optional(),
  timezone: zoneSchema('person').optional(),
  yearly: z.boolean().optional(),
});

/** `occurrence` names it the same in every zone, so that a person who moves is not entered twice. */
export type DateOccurrence = { occurrence: string; dueAt: Date };

/**
 * The occurrence of a person's date: without `yearly` the only one, even if it is past; with it the first that is due after a
 * moment (29 February is kept on the 28th in common years). Null if the value is no date.
 */
export function dateOccurrence(
  wanted: Shift & { value: Json | undefined; yearly?: boolean | undefined; after: Date },
): DateOccurrence | null {
  const { value, yearly = false, after, ...shift } = wanted;
  const date = readPersonDate(value);
  if (!date) return null;
  const dueAfter = (years: number) => momentOf(anniversary(date, years, shift.zone), shift);
  // Anniversaries are due about a year apart: two years before `after` none can be missed.
  const passed = after.getUTCFullYear() - dueAfter(0).getUTCFullYear();
  let years = yearly ? Math.max(0, passed - 2) : 0;
  while (yearly && dueAfter(years) <= after) years += 1;
  return { occurrence: nameOf(date, years), dueAt: dueAfter(years) };
}

/** A moment that has passed may still be met for a day. */
const LATE_MS = 24 * 60 * 60 * 1000;
const DAY_MS = 86_400_000;

type DateTrigger = z.infer<typeof dateTriggerSchema>;
type Dated = { attributes: Record<string, Json>; timezone: string };

/**
 * The occurrences of a person's date that are to come, or passed within the last 24 hours: none or one, with `yearly` two, so that the
 * next is known when one is over.
 */
export function comingDates(trigger: DateTrigger, person: Dated, now: Date): DateOccurrence[] {
  const wanted = wantedOf(trigger, person);
  const from = new Date(now.getTime() - LATE_MS);
  const first = dateOccurrence({ ...wanted, after: from });
  if (!first || first.dueAt <= from) return [];
  const second = trigger.yearly ? dateOccurrence({ ...wanted, after: first.dueAt }) : null;
  return [first, ...(second ? [second] : [])].filter(({ dueAt }) => dueAt <= LATEST);
}

/** Whether an occurrence that was due then is still one of the person's date; moving moves it by a day or so. */
export function isStillDue(trigger: DateTrigger, person: Dated, { occurrence, dueAt }: DateOccurrence): boolean {
  const after = new Date(dueAt.getTime() - 2 * DAY_MS);
  return dateOccurrence({ ...wantedOf(trigger, person), after })?.occurrence === occurrence;
}

/** Whether what was due at a moment came too late. */
export const isMissed = (dueAt: Date, firedAt: Date): boolean => firedAt.getTime() - dueAt.getTime() > LATE_MS;

const wantedOf = ({ attribute, offset, time, timezone, yearly }: DateTrigger, person: Dated) => ({
  value: Object.hasOwn(person.attributes, attribute) ? person.attributes[attribute] : undefined,
  zone: resolveZone(timezone, person),
  offset,
  time,
  yearly,
});
