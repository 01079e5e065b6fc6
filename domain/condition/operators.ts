import { z } from 'zod';
import { addOffset, offsetFault, parseOffset } from '../input/duration.ts';
import { parseInstant } from './instant.ts';
import type { Json } from '../json.ts';

const value: z.ZodType<Json> = z.json();
const values = z.array(value).min(1).max(1000);
const ordered = z.union([z.number(), z.string()], { error: 'compare with a number or a string' });
const text = z.string();
const moment = z
  .string({ error: 'write an ISO time such as 2026-03-01T09:00:00Z, or an offset from now such as -7d' })
  .superRefine((written, ctx) => {
    if (parseInstant(written) || offsetFault(written) === undefined) return;
    ctx.addIssue(
      `"${written.slice(0, 60)}" is neither an ISO time such as 2026-03-01T09:00:00Z nor an offset from now such as -7d`,
    );
  });

const operators = {
  eq: value.optional(),
  ne: value.optional(),
  gt: ordered.optional(),
  gte: ordered.optional(),
  lt: ordered.optional(),
  lte: ordered.optional(),
  in: values.optional(),
  notIn: values.optional(),
  contains: value.optional(),
  notContains: value.optional(),
  startsWith: text.optional(),
  endsWith: text.optional(),
  exists: z.boolean().optional(),
  before: moment.optional(),
  after: moment.optional(),
};

/** `{ <operator>: <value>, … }`: all of them have to hold. */
export const operatorsSchema = z.strictObject(operators).refine((given) => Object.keys(given).length > 0, {
  error: 'write at least one operator, such as { eq: 1 }',
  when: ({ issues }) => issues.length === 0,
});
export type Operators = z.infer<typeof operatorsSchema>;

export const operatorSchema = z.keyof(z.strictObject(operators));
export type Operator = z.infer<typeof operatorSchema>;

/** Operators that compare with a moment, and those that know no time. */
export type MomentOperator = 'before' | 'after';
export type ValueOperator = Exclude<Operator, MomentOperator>;

/** The strings that count as numbers in `gt gte lt lte`: plain decimals that a double and an SQL numeric hold alike. */
const NUMERIC = /^-?\d{1,15}(?:\.\d{1,15})?$/;

/** What a path led to. */
export type Seen = { found: true; value: Json } | { found: false };

/** Whether one operator holds. A missing field is matched by `exists: false`, `ne`, `notIn` and `notContains` alone. */
export function operatorHolds(operator: ValueOperator, seen: Seen, operand: Json): boolean {
  if (operator === 'exists') return seen.found === operand;
  if (operator === 'ne' || operator === 'notIn' || operator === 'notContains') {
    return !operatorHolds(NEGATED[operator], seen, operand);
  }
  return seen.found && valueHolds(operator, seen.value, operand);
}

const NEGATED = { ne: 'eq', notIn: 'in', notContains: 'contains' } as const;

/** Whether a time is before or after a moment; what is no time is neither. */
export function momentHolds(operator: MomentOperator, seen: Seen, at: Date): boolean {
  const time = seen.found && typeof seen.value === 'string' ? parseInstant(seen.value) : undefined;
  if (!time) return false;
  return operator === 'before' ? time < at : time > at;
}

/** The moment that `before` or `after` names: a time, or an offset from now. */
export function boundaryOf(operand: string, now: Date): Date {
  return parseInstant(operand) ?? addOffset(now, parseOffset(operand));
}

/** Whether `before` or `after` names a moment that moves on with the clock. */
export const isOffset = (operand: string): boolean => parseInstant(operand) === undefined;

function valueHolds(
  operator: Exclude<ValueOperator, 'exists' | 'ne' | 'notIn' | 'notContains'>,
  value: Json,
  operand: Json,
): boolean {
  switch (operator) {
    case 'eq':
      return same(value, operand);
    case 'in':
      return Array.isArray(operand) && operand.some((item) => same(value, item));
    case 'gt':
      return compare(value, operand) > 0;
    case 'gte':
      return compare(value, operand) >= 0;
    case 'lt':
      return compare(value, operand) < 0;
    case 'lte':
      return compare(value, operand) <= 0;
    case 'contains':
      if (Array.isArray(value)) return value.some((item) => same(item, operand));
      return typeof value === 'string' && typeof operand === 'string' && value.includes(operand);
    case 'startsWith':
      return typeof value === 'string' && typeof operand === 'string' && value.startsWith(operand);
    case 'endsWith':
      return typeof value === 'string' && typeof operand === 'string' && value.endsWith(operand);
  }
}

/** Deep equality of JSON: no coercion, the order of an object's keys does not matter. */
function same(a: Json, b: Json): boolean {
  if (a === b) return true;
  if (typeof a !== 'object' || typeof b !== 'object' || a === null || b === null) return false;
  if (Array.isArray(a) || Array.isArray(b)) {
    return (
      Array.isArray(a) && Array.isArray(b) && a.length === b.length && a.every((item, i) => same(item, b[i] ?? null))
    );
  }
  const keys = Object.keys(a);
  return (
    keys.length === Object.keys(b).length &&
    keys.every((key) => Object.hasOwn(b, key) && same(a[key] ?? null, b[key] ?? null))
  );
}

/** The sign of a − b; NaN, which no comparison matches, where the two have no order. */
function compare(a: Json, b: Json): number {
  if (typeof a === 'string' && typeof b === 'string') return compareCodePoints(a, b);
  return numberOf(a) - numberOf(b);
}

function numberOf(value: Json): number {
  if (typeof value === 'number') return value;
  return typeof value === 'string' && NUMERIC.test(value) ? Number(value) : Number.NaN;
}

/** JavaScript compares UTF-16 units, which puts surrogates (U+10000 and up) before U+E000. */
function compareCodePoints(a: string, b: string): number {
  const shorter = Math.min(a.length, b.length);
  let at = 0;
  while (at < shorter && a.charCodeAt(at) === b.charCodeAt(at)) at += 1;
  if (at === shorter) return a.length - b.length;
  return rank(a.charCodeAt(at)) - rank(b.charCodeAt(at));
}

function rank(unit: number): number {
  return unit >= 0xd800 && unit <= 0xdfff ? unit + 0x10000 : unit;
}
