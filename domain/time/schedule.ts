import { z } from 'zod';
import { parseInstant } from '../condition/instant.ts';
import { cronSchema, cronTimes } from './cron.ts';
import { mostActiveHour, timeOfHour, type ActivityCount } from './most-active-hour.ts';
import { atTime, wallText } from './wall-clock.ts';
import { canonicalZone, instantOf, wallOf, zoneSchema } from './zone.ts';
import { textOf } from '../input/text-of.ts';

const DAY_MS = 86_400_000;
/** Where clocks are furthest behind: a day ends there last. */
const LAST_ZONE = 'UTC-12';
const WITH_OFFSET = /T.*(?:Z|[+-]\d\d:\d\d)$/;

/** Everybody in the audience, at once or at a time; `person` and `mostActiveHour` make it each one's own time. */
export const scheduleTriggerSchema = z
  .strictObject({
    type: z.literal('schedule'),
    at: z
      .string()
      .refine((text) => text.includes('T') && parseInstant(text) !== undefined, {
        error: 'write a time such as 2026-03-01T09:00, or with its offset 2026-03-01T09:00:00+01:00',
      })
      .optional(),
    cron: cronSchema.optional(),
    timezone: zoneSchema('person', 'mostActiveHour').optional(),
  })
  // Also where a field has a fault of its own, so that all are said in one pass.
  .superRefine(findClashes, { when: ({ value }) => typeof value === 'object' && value !== null });

type Times = { at?: string | undefined; cron?: string | undefined };

/** One time of a schedule in one zone. `localTime` is what clocks show, `2026-03-01T09:00`; with `Z` if `at` had an offset. */
export type Occurrence = { localTime: string; dueAt: Date };

/** Whether the schedule goes off when the campaign is started. */
export const isImmediate = ({ at, cron }: Times) => at === undefined && cron === undefined;

/** Whether the one time of a schedule is past, for everybody where each has their own zone. */
export function isOver(
  { at, timezone }: Times & { timezone?: string | undefined },
  fallback: string,
  now: Date,
): boolean {
  const isOwn = timezone === 'person' || timezone === 'mostActiveHour';
  return at !== undefined && dueAt(at, isOwn ? LAST_ZONE : (timezone ?? fallback)) <= now;
}

/**
 * The next local times strictly after another, at most so many, in order, whatever the zone. What clocks in a zone skip or
 * repeat is for `dueAt` to place. An `at` with an offset counts by its time in UTC.
 */
export function nextLocalTimes({ at, cron }: Times, afterLocal: string, count: number): string[] {
  const after = wallTime(afterLocal);
  if (at !== undefined) return wallTime(at) > after ? [localTimeOf(at)].slice(0, count) : [];
  return cron === undefined || count < 1 ? [] : [...take(cronTimes(cron, after), count)].map(wallText);
}

/** The moment of a local time in a zone; one with `Z` or an offset is the same moment in all. Not a time: throws a RangeError. */
export function dueAt(localTime: string, zone: string): Date {
  return WITH_OFFSET.test(localTime) ? wallTime(localTime) : instantOf(wallTime(localTime), zone);
}

/** The moments of a local time in several zones, each zone once in its canonical spelling, the earliest first: up to 26 hours apart. */
export function dueTimes(localTime: string, zones: string[]): { zone: string; dueAt: Date }[] {
  const distinct = new Set(zones.map((zone) => canonicalZone(zone) ?? zone));
  return [...distinct]
    .map((zone) => ({ zone, dueAt: dueAt(localTime, zone) }))
    .sort((a, b) => a.dueAt.getTime() - b.dueAt.getTime());
}

/** For `mostActiveHour`: on the date of a local time, the person's most active hour in their zone; without one, that time. */
export function dueAtActivity(localTime: string, zone: string, counts: ActivityCount[]): Date {
  const wall = wallTime(localTime);
  const hour = mostActiveHour(counts, zone);
  return instantOf(hour === null ? wall : atTime(wall, timeOfHour(hour)), zone);
}

/**
 * The next occurrences in a zone that are due strictly after a moment, at most so many, in the order in which they are due.
 * Of local times that a gap makes due at once, it is the one that clocks show.
 */
export function nextOccurrences({ at, cron }: Times, zone: string, after: Date, count: number): Occurrence[] {
  if (at !== undefined) {
    const only = { localTime: localTimeOf(at), dueAt: dueAt(at, zone) };
    return only.dueAt > after ? [only].slice(0, count) : [];
  }
  if (cron === undefined || count < 1) return [];
  const found = new Map<number, Date>();
  for (const wall of cronTimes(cron, beforeGap(after, zone))) {
    const due = instantOf(wall, zone);
    if (due > after) found.set(due.getTime(), wall);
    // Times in a gap are due after some of the times behind it: only from one that clocks do show nothing earlier follows.
    const isShown = wallOf(due, zone).getTime() === wall.getTime();
    if (isShown && [...found.keys()].filter((time) => time <= due.getTime()).length >= count) break;
  }
  return [...found]
    .sort(([a], [b]) => a - b)
    .slice(0, count)
    .map(([time, wall]) => ({ localTime: wallText(wall), dueAt: new Date(time) }));
}

function findClashes({ at, cron, timezone }: Times & { timezone?: unknown }, ctx: z.RefinementCtx): void {
  const fault = (path: string, message: string) => ctx.addIssue({ code: 'custom', path: [path], message });
  if (at !== undefined && cron !== undefined) fault('cron', 'write at or cron, not both');
  if (at === undefined && cron === undefined && timezone !== undefined) {
    fault('timezone', 'goes with at or cron; without them the campaign goes off when it is started');
  }
  if (WITH_OFFSET.test(textOf(at)) && (timezone === 'person' || timezone === 'mostActiveHour')) {
    fault('at', `write it without an offset; with timezone ${timezone} each person has their own`);
  }
}

/** The wall time of a moment, or, within a day of a gap, one so much earlier that nothing which the gap moved is missed. */
function beforeGap(moment: Date, zone: string): Date {
  const wall = wallOf(moment, zone).getTime();
  const dayBefore = new Date(moment.getTime() - DAY_MS);
  const gap = wall - moment.getTime() - (wallOf(dayBefore, zone).getTime() - dayBefore.getTime());
  return new Date(wall - Math.max(0, gap));
}

function* take<T>(items: Iterable<T>, count: number): Generator<T> {
  let left = count;
  for (const item of items) {
    yield item;
    left -= 1;
    if (left === 0) return;
  }
}

function wallTime(localTime: string): Date {
  const wall = parseInstant(localTime);
  if (!wall) throw new RangeError(`"${localTime.slice(0, 60)}" is no local time; write one such as 2026-03-01T09:00`);
  return wall;
}

const localTimeOf = (at: string) => `${wallText(wallTime(at))}${WITH_OFFSET.test(at) ? 'Z' : ''}`;
