import { Temporal } from 'temporal-polyfill';
import { z } from 'zod';
import type { Json } from '../json.ts';
import { listed, nearest } from '../input/nearest.ts';
import { textOf } from '../input/text-of.ts';

const FIXED = /^(?:utc|gmt|z|(?:utc|gmt)?([+-])(\d{1,2})(?::?([0-5]\d))?)$/i;
const NAME = /^[a-z][\w+/-]{0,63}$/i;

/** No clock on Earth is further from UTC: minutes behind and ahead. */
const FURTHEST = { behind: 12 * 60, ahead: 14 * 60 };

/**
 * The one spelling of a zone, so that zones can be compared: an IANA name that this runtime knows in its own case
 * (`Europe/Paris`), a fixed offset (`GMT-7`, `UTC+5:30`, `+0530`) as `-07:00`, and `UTC`. Undefined for anything else.
 * The sign is that of a clock: `GMT-7` is seven hours behind UTC. (IANA's own `Etc/GMT+7` is the same the other way round.)
 */
export function canonicalZone(zone: string): string | undefined {
  const fixed = FIXED.exec(zone);
  return fixed ? fixedOffset(fixed[1], Number(fixed[2] ?? 0) * 60 + Number(fixed[3] ?? 0)) : ianaName(zone);
}

/** The zone in a person's attribute `timezone`, else the fallback, in canonical spelling. */
export function zoneOfPerson(attributes: Record<string, Json>, fallback: string): string {
  const own = Object.hasOwn(attributes, 'timezone') ? attributes.timezone : undefined;
  return (typeof own === 'string' ? canonicalZone(own) : undefined) ?? known(fallback);
}

/** The zone that a definition means: `person` is theirs, none the campaign's. */
export function resolveZone(
  written: string | undefined,
  { attributes, timezone }: { attributes: Record<string, Json>; timezone: string },
): string {
  return written === 'person' ? zoneOfPerson(attributes, timezone) : known(written ?? timezone);
}

/** What a clock in the zone shows at an instant, as a Date whose UTC fields are that wall time. An unknown zone throws a RangeError. */
export function wallOf(instant: Date, zone: string): Date {
  const { offsetNanoseconds } = Temporal.Instant.fromEpochMilliseconds(instant.getTime()).toZonedDateTimeISO(
    known(zone),
  );
  return new Date(instant.getTime() + offsetNanoseconds / 1e6);
}

/**
 * The instant at which a clock in the zone shows a wall time, which is given as the UTC fields of a Date. One that the clock
 * skips moves forward by the gap, one that it shows twice is the first: `compatible`, as RFC 5545 and ECMAScript's Temporal say.
 */
export function instantOf(wall: Date, zone: string): Date {
  const plain = Temporal.Instant.fromEpochMilliseconds(wall.getTime()).toZonedDateTimeISO('UTC').toPlainDateTime();
  return new Date(plain.toZonedDateTime(known(zone), { disambiguation: 'compatible' }).epochMilliseconds);
}

/** The zone of a campaign: an IANA name that this runtime knows, as it was written. */
export const ianaZoneSchema = z.string().refine((name) => ianaName(name) !== undefined, {
  error: ({ input }) => `is no IANA time zone; write one such as ${nearZone(textOf(input)) ?? 'Europe/Paris'}`,
});

/** A zone, or one of some `words` such as `person`, as it was written. */
export function zoneSchema(...words: string[]) {
  return z.string().refine((text) => words.includes(text) || canonicalZone(text) !== undefined, {
    error: ({ input }) => {
      const near = nearest(textOf(input), words) ?? nearZone(textOf(input));
      if (near !== undefined) return `is no time zone; did you mean "${near}"?`;
      return `is no time zone; write ${listed(['one such as Europe/Paris', 'an offset such as GMT-7', ...words])}`;
    },
  });
}

function ianaName(zone: string): string | undefined {
  if (!NAME.test(zone)) return undefined;
  try {
    return Temporal.Instant.fromEpochMilliseconds(0).toZonedDateTimeISO(zone).timeZoneId;
  } catch {
    return undefined;
  }
}

const nearZone = (name: string) => nearest(name, ['UTC', ...Intl.supportedValuesOf('timeZone')]);

function fixedOffset(sign: string | undefined, minutes: number): string | undefined {
  if (minutes === 0) return 'UTC';
  if (minutes > (sign === '-' ? FURTHEST.behind : FURTHEST.ahead)) return undefined;
  const two = (value: number) => String(value).padStart(2, '0');
  return `${sign}${two(Math.floor(minutes / 60))}:${two(minutes % 60)}`;
}

function known(zone: string): string {
  const canonical = canonicalZone(zone);
  if (canonical === undefined) throw new RangeError(`"${zone.slice(0, 60)}" is no time zone`);
  return canonical;
}
