import { z } from 'zod';
import { hint, listed } from './nearest.ts';
import { textOf } from './text-of.ts';

const KINDS: Record<string, string> = {
  string: 'a string',
  number: 'a number',
  int: 'a whole number',
  boolean: 'true or false',
  array: 'a list',
  object: 'an object',
  record: 'an object',
  null: 'null',
};

/** What a zod issue means to a user: what is wrong and what to write. An error map for `safeParse`; undefined leaves zod's own text. */
export function explainIssue(issue: z.core.$ZodRawIssue): string | undefined {
  switch (issue.code) {
    case 'invalid_type': {
      const kind = KINDS[issue.expected] ?? issue.expected;
      if (issue.expected === 'int' && typeof issue.input === 'number') return `must be ${kind}, not ${issue.input}`;
      return issue.input === undefined ? `is missing; write ${kind}` : `must be ${kind}, not ${kindOf(issue.input)}`;
    }
    case 'unrecognized_keys': {
      const known = issue.inst instanceof z.ZodObject ? Object.keys(issue.inst.shape) : [];
      return issue.keys.map((key) => `unknown key ${shown(key)}${hint(key, known)}`).join('\n');
    }
    case 'invalid_value': {
      const values = issue.values.map(String);
      if (issue.input === undefined) return `is missing; write ${listed(values)}`;
      return `${shown(issue.input)} is not known${hint(textOf(issue.input), values)}`;
    }
    case 'too_small':
      return bound('at least', issue.minimum, issue.origin);
    case 'too_big':
      return bound('at most', issue.maximum, issue.origin);
    case 'invalid_union':
      return issue.inst instanceof z.ZodUnion
        ? `write exactly one of ${options(issue.inst)}${stray(issue)}`
        : undefined;
    case 'invalid_key':
      return `is no valid key: ${issue.issues[0]?.message ?? 'write another'}`;
    case 'invalid_format':
      return issue.format === 'datetime' ? 'is no time; write one such as 2026-03-01T09:00:00Z' : undefined;
    case 'custom':
    case 'invalid_element':
    case 'not_multiple_of':
      return undefined;
  }
}

/** The message of a union by `type`: `"segment" is no trigger type; use event or manual`. */
export function unknownType(what: string): z.core.$ZodErrorMap {
  return (issue) => {
    if (issue.code !== 'invalid_union' || !('options' in issue) || !Array.isArray(issue.options)) return undefined;
    const known = issue.options.map(String);
    const given = typeOf(issue.input);
    if (given === undefined) return `is missing; write the ${what} type: ${listed(known)}`;
    return `${shown(given)} is no ${what} type${hint(textOf(given), known)}`;
  };
}

/** A value as a message shows it: as JSON, cut. */
function shown(value: unknown): string {
  const text = JSON.stringify(value) ?? typeof value;
  return text.length > 80 ? `${text.slice(0, 80)}…` : text;
}

function bound(limit: string, amount: number | bigint, origin: string): string {
  if (origin !== 'string' && origin !== 'array') return `must be ${limit} ${amount}`;
  if (limit === 'at least' && Number(amount) === 1) return 'must not be empty';
  return `must have ${limit} ${amount} ${origin === 'string' ? 'characters' : 'items'}`;
}

function options(union: z.ZodUnion): string {
  return listed(union.options.map(describe));
}

function describe(schema: z.core.SomeType): string {
  if (schema instanceof z.ZodObject) return `{ ${Object.keys(schema.shape).join(', ')} }`;
  if (schema instanceof z.ZodUnion) return options(schema);
  if (schema instanceof z.ZodLazy) return describe(schema.unwrap());
  return KINDS[schema._zod.def.type] ?? schema._zod.def.type;
}

/** `, not "jsn"`: what the object has instead. */
function stray(issue: z.core.$ZodRawIssue): string {
  if (typeof issue.input !== 'object' || issue.input === null || Array.isArray(issue.input)) return '';
  const keys = Object.keys(issue.input);
  return keys.length === 0 ? '' : `, not ${shown(keys.join(', '))}`;
}

function typeOf(value: unknown): unknown {
  return typeof value === 'object' && value !== null && 'type' in value ? value.type : undefined;
}

function kindOf(value: unknown): string {
  if (value === null) return 'null';
  if (Array.isArray(value)) return 'a list';
  if (typeof value === 'number') return Number.isFinite(value) ? 'a number' : String(value);
  return KINDS[typeof value] ?? typeof value;
}
