import type { Context, FilterImplOptions } from 'liquidjs';
import { RenderContext } from './context.ts';
import { strftime } from './strftime.ts';
import { instantOf } from '../time/zone.ts';

/** Two days before the last moment that a Date can hold, so that it can hold it in every zone. */
const END_OF_TIME_MS = 8_640_000_000_000_000 - 2 * 86_400_000;
const DEFAULT_FORMAT = '%A, %B %-e, %Y at %-l:%M %P %z';
/** No date is written with more. */
const LONGEST_DATE = 100;
const SECONDS = /^-?\d+(?:\.\d+)?$/;
const ISO_WITHOUT_ZONE = /^\d{4}-\d{2}-\d{2}(?:[T ]\d{2}:\d{2}(?::\d{2}(?:\.\d+)?)?)?$/;
const ZONE = /(?:\b(?:Z|UTC?|GMT|[ECMP][SD]T)|\d\s*Z|[+-]\d{2}:?\d{2})(?:\s*\(.*\))?$/i;

type Call = { context: Context };

/**
 * The date filters, without the process's clock, zone and locale: `now` and the zone come from the scope. A number is
 * seconds since 1970; a text without a zone is wall-clock time in the zone that it is printed in, so that a date stays that date.
 */
export const dateFilters: Record<string, FilterImplOptions> = {
  date(this: Call, value: unknown, format?: unknown, zone?: unknown) {
    return print(this, value, format === undefined || format === null ? DEFAULT_FORMAT : String(format), zone);
  },
  date_to_xmlschema(this: Call, value: unknown) {
    return print(this, value, '%Y-%m-%dT%H:%M:%S%:z');
  },
  date_to_rfc822(this: Call, value: unknown) {
    return print(this, value, '%a, %d %b %Y %H:%M:%S %z');
  },
  date_to_string(this: Call, value: unknown, type?: unknown, style?: unknown) {
    return print(this, value, jekyll('%b', type, style));
  },
  date_to_long_string(this: Call, value: unknown, type?: unknown, style?: unknown) {
    return print(this, value, jekyll('%B', type, style));
  },
};

/** What is no date stays as it is, as in Ruby's Liquid. */
function print({ context }: Call, value: unknown, format: string, zone?: unknown): unknown {
  const { now, timezone } = context instanceof RenderContext ? context.scope : { now: '', timezone: 'UTC' };
  const zoneName = zoneOf(zone) ?? timezone;
  const instant = instantFrom(value, zoneName, now);
  if (instant === undefined || !(Math.abs(instant) < END_OF_TIME_MS)) return value;
  context.memoryLimit.use(format.length);
  return strftime(format, instant, zoneName);
}

function instantFrom(value: unknown, zone: string, now: string): number | undefined {
  if (typeof value === 'number') return value * 1000;
  if (typeof value !== 'string' || value.length > LONGEST_DATE) return undefined;
  const text = value.trim();
  if (text === 'now' || text === 'today') return Date.parse(now);
  if (SECONDS.test(text)) return Number(text) * 1000;
  if (ISO_WITHOUT_ZONE.test(text))
    return wallTime(`${text.replace(' ', 'T')}${text.length > 10 ? 'Z' : 'T00:00Z'}`, zone);
  return ZONE.test(text) ? Date.parse(text) : wallTime(`${text} UTC`, zone);
}

function wallTime(text: string, zone: string): number {
  const wall = Date.parse(text);
  return Math.abs(wall) < END_OF_TIME_MS ? instantOf(new Date(wall), zone).getTime() : NaN;
}

/** A number is minutes west of UTC, as liquidjs and JavaScript count them. */
function zoneOf(zone: unknown): string | undefined {
  if (typeof zone === 'string' && zone !== '') return zone.trim();
  if (typeof zone !== 'number') return undefined;
  const minutes = Math.abs(zone);
  const hours = String(Math.floor(minutes / 60)).padStart(2, '0');
  return `${zone > 0 ? '-' : '+'}${hours}${String(minutes % 60).padStart(2, '0')}`;
}

function jekyll(month: string, type: unknown, style: unknown): string {
  if (type !== 'ordinal') return `%d ${month} %Y`;
  return style === 'US' ? `${month} %-d%q, %Y` : `%-d%q ${month} %Y`;
}
