import { z } from 'zod';
import { HooklineError } from '../errors.ts';

const DAY_MS = 86_400_000;
const UNIT_MS = { s: 1000, m: 60_000, h: 3_600_000 };
const UNIT_DAYS = { d: 1, w: 7 };
const UNIT_MONTHS = { mo: 1, y: 12 };

const PART = /(\d{1,12})(mo|[smhdwy])/g;
const DURATION = /^(?:\d{1,12}(?:mo|[smhdwy]))+$/;
const OFFSET = /^[+-]?(?:\d{1,12}(?:mo|[smhdwy]))+$/;
const CENTURY = { months: 1200, ms: 36_525 * DAY_MS };

/** A span of time: calendar months first, then days, then milliseconds. Negative before a moment, positive after it. */
export type Offset = { months: number; days: number; ms: number };

/**
 * The milliseconds of a duration such as `4s`, `2h` or `1d12h` (units s m h d w).
 * Throws `input.invalid`, also for `mo` and `y`, which have no fixed length.
 */
export function parseDurationMs(text: string): number {
  const fault = durationFault(text);
  if (fault) throw new HooklineError('input.invalid', `"${text.slice(0, 60)}" is no duration: ${fault}`);
  return fixedMs(sum(text));
}

/** An offset such as `-7d`, `+2h` or `1y6mo`; `mo` and `y` are calendar units. Throws `input.invalid`. */
export function parseOffset(text: string): Offset {
  const fault = offsetFault(text);
  if (fault) throw new HooklineError('input.invalid', `"${text.slice(0, 60)}" is no offset: ${fault}`);
  const sign = text.startsWith('-') ? -1 : 1;
  const { months, days, ms } = sum(text);
  return { months: sign * months, days: sign * days, ms: sign * ms };
}

/** The moment at an offset from another, in UTC. A day that the month lacks becomes its last (31 January + 1mo = 28 February). */
export function addOffset(from: Date, offset: Offset): Date {
  const first = new Date(from);
  first.setUTCDate(1);
  first.setUTCMonth(first.getUTCMonth() + offset.months);
  const lastDay = new Date(Date.UTC(first.getUTCFullYear(), first.getUTCMonth() + 1, 0)).getUTCDate();
  first.setUTCDate(Math.min(from.getUTCDate(), lastDay));
  return new Date(first.getTime() + fixedMs(offset));
}

/** A duration as a string that stays as it was written, e.g. `durationSchema({ min: '1s', max: '60s' })`. */
export function durationSchema(bounds: { min?: string; max?: string } = {}) {
  const example = (boundsFault('2h', bounds) && (bounds.max ?? bounds.min)) ?? '2h';
  return z
    .string({
      error: ({ input }) =>
        `${input === undefined ? 'is missing; ' : ''}write a duration such as ${example}, a number with its unit (s m h d w)`,
    })
    .superRefine((text, ctx) => {
      const message = durationFault(text) ?? boundsFault(text, bounds);
      if (message) ctx.addIssue(message);
    })
    .meta({ pattern: '^(\\d+[smhdw])+$', examples: [example] });
}

/** An offset as a string that stays as it was written. */
export const offsetSchema = z
  .string({ error: 'write an offset such as -3d or 1mo' })
  .superRefine((text, ctx) => {
    const message = offsetFault(text);
    if (message) ctx.addIssue(message);
  })
  .meta({ pattern: '^[+-]?(\\d+(mo|[smhdwy]))+$', examples: ['-3d'] });

/** What is wrong with an offset, or undefined. */
export function offsetFault(text: string): string | undefined {
  if (!OFFSET.test(text)) return 'write an offset such as -7d or 1mo (units s m h d w mo y)';
  const offset = sum(text);
  if (offset.months > CENTURY.months || fixedMs(offset) > CENTURY.ms) return 'is too long; write at most 100y';
  return undefined;
}

function durationFault(text: string): string | undefined {
  if (!DURATION.test(text)) return 'write a duration such as 2h or 1d12h, whole numbers with their unit (s m h d w)';
  const span = sum(text);
  if (span.months > 0) return 'months and years have no fixed length here; write days or weeks, such as 30d';
  if (fixedMs(span) === 0) return 'must be longer than nothing, such as 1s';
  if (fixedMs(span) > CENTURY.ms) return 'is too long; write at most 36525d';
  return undefined;
}

function boundsFault(text: string, { min, max }: { min?: string; max?: string }): string | undefined {
  const ms = fixedMs(sum(text));
  if (min !== undefined && ms < parseDurationMs(min)) return `is too short; write at least ${min}`;
  if (max !== undefined && ms > parseDurationMs(max)) return `is too long; write at most ${max}`;
  return undefined;
}

/** The part of fixed length, with days of 24 hours, as they are in UTC. */
const fixedMs = ({ days, ms }: Offset) => days * DAY_MS + ms;

function sum(text: string): Offset {
  const total = { months: 0, days: 0, ms: 0 };
  for (const [, amount, unit] of text.matchAll(PART)) {
    if (unit === 'mo' || unit === 'y') total.months += Number(amount) * UNIT_MONTHS[unit];
    else if (unit === 'd' || unit === 'w') total.days += Number(amount) * UNIT_DAYS[unit];
    else if (unit === 's' || unit === 'm' || unit === 'h') total.ms += Number(amount) * UNIT_MS[unit];
  }
  return total;
}
