import type { z } from 'zod';
import { HooklineError, type InputFault } from '../errors.ts';
import { explainIssue } from './explain.ts';

/** Of what is wrong in each line nobody reads more. */
export const MOST_FAULTS = 100;

/** A fault with its place as keys, for those who have to go there. */
export type PlacedFault = { at: PropertyKey[]; message: string };

/** A value that fits its schema, or everything that is wrong with it. */
export type Inspected<T> = { success: true; data: T } | { success: false; faults: PlacedFault[] };

/**
 * Validates an input and returns it typed. Throws `input.invalid` with every fault in one pass: each names its place
 * (`steps[2].for`, after `prefix` if there is one) and what to write; unknown keys come with the nearest known one.
 */
export function parseInput<T>(schema: z.ZodType<T>, value: unknown, options: { prefix?: string } = {}): T {
  const result = inspect(schema, value);
  if (result.success) return result.data;
  const errors = result.faults.map(({ at, message }) => ({ path: placeOf(at, options.prefix), message }));
  throw new HooklineError('input.invalid', summary('the input', errors), { errors });
}

/** As `parseInput`, without throwing. Explaining costs several times what validating does, so that only what is wrong is explained. */
export function inspect<T>(schema: z.ZodType<T>, value: unknown): Inspected<T> {
  const judged = schema.safeParse(value);
  const result = judged.success ? judged : schema.safeParse(value, { error: explainIssue });
  return result.success ? result : { success: false, faults: placed(result.error.issues) };
}

/** `the campaign has 2 faults, first steps[0].for: write a duration …` */
export function summary(what: string, errors: InputFault[]): string {
  const first = errors[0];
  if (!first) return `${what} is invalid`;
  const where = first.path === '' ? first.message : `${first.path}: ${first.message}`;
  return errors.length === 1 ? `${what} is invalid: ${where}` : `${what} has ${errors.length} faults, first ${where}`;
}

/** Writes a place as users read it: `steps[1].headers.X-Team`, `where['event.status']`. */
export function placeOf(at: PropertyKey[], prefix = ''): string {
  return at.reduce<string>((place, key) => {
    if (typeof key === 'number') return `${place}[${key}]`;
    const name = String(key).slice(0, 120);
    if (!/^[\w-]+$/.test(name)) return `${place}['${name}']`;
    return place === '' ? name : `${place}.${name}`;
  }, prefix);
}

function placed(issues: z.core.$ZodIssue[], prefix: PropertyKey[] = []): PlacedFault[] {
  return issues.flatMap((issue) => {
    const at = [...prefix, ...issue.path];
    if (issue.code === 'unrecognized_keys') {
      // explainIssue writes one line for each key.
      const lines = issue.message.split('\n');
      return issue.keys.map((key, index) => ({ at: [...at, key], message: lines[index] ?? issue.message }));
    }
    const meant = issue.code === 'invalid_union' ? meantOption(issue.errors) : undefined;
    return meant ? placed(meant, at) : [{ at, message: issue.message }];
  });
}

/** The one option of a union that the value was surely meant to be: its faults say more than "none of these". */
function meantOption(options: z.core.$ZodIssue[][]): z.core.$ZodIssue[] | undefined {
  const sameKind = options.filter(
    (issues) => !issues.some(({ path, code }) => path.length === 0 && code !== 'unrecognized_keys'),
  );
  const sameKeys = sameKind.filter((issues) => issues.every(({ path }) => path.length > 0));
  const near = sameKeys.length > 0 ? sameKeys : sameKind;
  const fewest = Math.min(...near.map(keysAtFault));
  const nearest = near.filter((issues) => keysAtFault(issues) === fewest);
  return nearest.length === 1 ? nearest[0] : undefined;
}

/** How many keys are missing, wrong or unknown: the one option with the fewest was meant. */
function keysAtFault(issues: z.core.$ZodIssue[]): number {
  return issues.reduce((sum, issue) => sum + (issue.code === 'unrecognized_keys' ? issue.keys.length : 1), 0);
}
