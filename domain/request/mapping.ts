import { HooklineError } from '../errors.ts';
import { findUnstorable, type Json } from '../json.ts';
import { holdsSecret } from './redact.ts';
import type { Scope } from '../scope.ts';
import { compileTemplate, type CompiledTemplate, createLimits, renderValue } from '../template.ts';

export type CompiledMapping = { name: string; template: CompiledTemplate }[];

/**
 * What a mapping sets: null removes an attribute, `absent` names those that stay as they were, since a field was lacking, and
 * `unanswered` those of them whose field the answer's body should have had.
 */
export type Mapped = { changes: Record<string, Json>; absent: string[]; unanswered: string[] };

const MAX_BYTES = 64 * 1024;
const MAX_DEPTH = 64;

/** Compiles the `attributes` of a response mapping or of an `update` step; see `mappingFaults`. */
export function compileMapping(attributes: Record<string, string>): CompiledMapping {
  return Object.entries(attributes)
    .filter(([name]) => name !== '__proto__')
    .map(([name, source]) => ({ name, template: compileTemplate(source) }));
}

/**
 * Computes the changes from a scope that has, for a response mapping, `response` (parsed JSON, otherwise text) and
 * `http: { status, headers }`. A single output keeps its type; null removes; where a field of the answer, or the one variable of
 * a single output, is missing, the attribute is left and noted. Throws `mapping.failed`, or `mapping.too_large` beyond 64 KiB.
 */
export function evaluateMapping(mapping: CompiledMapping, scope: Scope): Mapped {
  const limits = createLimits();
  const secretless = { ...scope, secrets: {} };
  const secrets = Object.values(scope.secrets);
  const changes: [string, Json][] = [];
  const absent: string[] = [];
  const unanswered: string[] = [];
  for (const { name, template } of mapping) {
    const { value, missing, present } = failingAs(name, () => renderValue(template, secretless, limits));
    if (missing.some(isOfBody)) unanswered.push(name);
    if (!present || missing.some(isOfAnswer)) absent.push(name);
    else changes.push([name, failingAs(name, () => storable(value, secrets))]);
  }
  const set = Object.fromEntries(changes);
  const bytes = Buffer.byteLength(JSON.stringify(set));
  if (bytes > MAX_BYTES) {
    throw new HooklineError(
      'mapping.too_large',
      `the values have ${bytes} bytes; a person's attributes may have ${MAX_BYTES}`,
    );
  }
  return { changes: set, absent, unanswered };
}

const isOfBody = (name: string) => /^response(?:\.|$)/.test(name);

const isOfAnswer = (name: string) => /^(?:response|http)(?:\.|$)/.test(name);

function failingAs<T>(name: string, run: () => T): T {
  try {
    return run();
  } catch (error) {
    if (!(error instanceof HooklineError)) throw error;
    throw new HooklineError('mapping.failed', `${name}: ${error.message}`, { cause: error });
  }
}

function storable(value: Json, secrets: string[]): Json {
  const clean = cleaned(value, MAX_DEPTH);
  const place = findUnstorable(clean);
  if (place !== null) throw failed(`the value has NUL or half a character in it${place === '' ? '' : `, at ${place}`}`);
  if (holdsSecret(JSON.stringify(clean), secrets)) throw failed('the value holds a secret, which no attribute may');
  return clean;
}

/** The value without `__proto__`, which would set a prototype wherever it is assigned; numbers that JSON or a double cannot hold are refused. */
function cleaned(value: Json, levels: number): Json {
  if (typeof value === 'number') return checkedNumber(value);
  if (typeof value !== 'object' || value === null) return value;
  if (levels === 0) throw failed(`the value is nested more than ${MAX_DEPTH} deep`);
  if (Array.isArray(value)) return value.map((item) => cleaned(item, levels - 1));
  const kept = Object.entries(value).filter(([key]) => key !== '__proto__');
  return Object.fromEntries(kept.map(([key, item]) => [key, cleaned(item, levels - 1)]));
}

function checkedNumber(value: number): number {
  if (!Number.isFinite(value)) throw failed('the value is no finite number');
  if (Number.isInteger(value) && !Number.isSafeInteger(value)) {
    throw failed('the value is an integer beyond 2^53, whose last digits are lost; a text keeps them');
  }
  return value;
}

const failed = (message: string) => new HooklineError('mapping.failed', message);
