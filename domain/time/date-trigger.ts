import { z } from 'zod';
import { offsetSchema } from '../input/duration.ts';
import type { Json } from '../json.ts';
import { anniversary, momentOf, nameOf, readPersonDate, type Shift } from './person-date.ts';
import { timeOfDaySchema } from './wall-clock.ts';
import { zoneSchema } from './zone.ts';

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
