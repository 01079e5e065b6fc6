import { parseInstant } from '../condition/instant.ts';
import { addOffset, parseOffset } from '../input/duration.ts';
import type { Json } from '../json.ts';
import { atTime, wallText } from './wall-clock.ts';
import { instantOf, wallOf } from './zone.ts';

/**
 * A date in a person's attribute: a date alone (`2026-03-01`, its midnight), a local time (`2026-03-01T09:00`), or an instant
 * (with `Z` or an offset). `utc` has the first two in its UTC fields.
 */
export type PersonDate = { kind: 'date' | 'local' | 'instant'; utc: Date };

/** Moves a date: `offset` such as `-3d`, `time` of day instead of its own, both in the zone. */
export type Shift = { offset?: string | undefined; time?: string | undefined; zone: string };

/** The date in an attribute's value, or null if it holds none. A number is none. */
export function readPersonDate(value: Json | undefined): PersonDate | null {
  const utc = typeof value === 'string' ? parseInstant(value) : undefined;
  if (typeof value !== 'string' || utc === undefined) return null;
  if (!value.includes('T')) return { kind: 'date', utc };
  return { kind: /(?:Z|[+-]\d\d:\d\d)$/.test(value) ? 'instant' : 'local', utc };
}

/**
 * The moment that a date stands for. Days, weeks, months and years of the offset are counted on the zone's calendar (three days
 * before 09:00 is 09:00), then hours, minutes and seconds as they pass.
 */
export function momentOf(date: PersonDate, { offset = '0d', time, zone }: Shift): Date {
  const { months, days, ms } = parseOffset(offset);
  const isExact = date.kind === 'instant' && time === undefined && months === 0 && days === 0;
  if (isExact) return new Date(date.utc.getTime() + ms);
  const own = wallClockOf(date, zone);
  const wall = addOffset(time === undefined ? own : atTime(own, time), { months, days, ms: 0 });
  return new Date(instantOf(wall, zone).getTime() + ms);
}

/** The date so many years later, on the zone's calendar: 29 February becomes the 28th in common years. */
export function anniversary(date: PersonDate, years: number, zone: string): PersonDate {
  if (years === 0) return date;
  return { kind: 'local', utc: addYears(wallClockOf(date, zone), years) };
}

/** How a date is named, the same in every zone: `2026-03-01`, `2026-03-01T09:00` or `2026-03-01T08:00:00.000Z`. */
export function nameOf({ kind, utc }: PersonDate, years = 0): string {
  const moved = addYears(utc, years);
  switch (kind) {
    case 'date':
      return moved.toISOString().slice(0, 10);
    case 'local':
      return wallText(moved);
    case 'instant':
      return moved.toISOString();
  }
}

const wallClockOf = ({ kind, utc }: PersonDate, zone: string) => (kind === 'instant' ? wallOf(utc, zone) : utc);

const addYears = (wall: Date, years: number) => addOffset(wall, { months: 12 * years, days: 0, ms: 0 });
