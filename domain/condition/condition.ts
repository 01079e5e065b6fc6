import { z } from 'zod';
import type { Json } from '../json.ts';
import { MOST_FAULTS } from '../input/faults.ts';
import { idSchema } from '../input/id.ts';
import { listed, nearest } from '../input/nearest.ts';
import { operatorsSchema, type Operators } from './operators.ts';
import { isPath, parsePath, type Path } from './path.ts';
import { convertedSchema, performedSchema, type Count } from './performed.ts';
import { MOST_KEYS, sizeFault } from './size.ts';
import { windowSchema, type Window } from './window.ts';

const ROOTS = ['customer', 'event', 'events', 'responses', 'trigger'] as const;
const KEYWORDS = ['and', 'or', 'not', 'segment', 'performed', 'converted', 'now'] as const;

type Occurrences = { within?: string | undefined; count?: Count | undefined };

/** `{ <path>: <value> }`, `{ <path>: { <operator>: <value> } }` or a word; several keys in one object all have to hold. */
export type Condition = {
  and?: Condition[] | undefined;
  or?: Condition[] | undefined;
  not?: Condition | undefined;
  segment?: string | undefined;
  performed?: (Occurrences & { event: string; where?: Condition | undefined }) | undefined;
  converted?: (Occurrences & { campaign: string }) | undefined;
  now?: Window | undefined;
  [path: Path]: Json | Operators;
};

const scalar = z.union([z.string(), z.number(), z.boolean(), z.null(), z.array(z.json())]);
const test = z.union([scalar, operatorsSchema], { error: 'write a value, or operators such as { gte: 3 }' });
const conditions: z.ZodType<Condition[]> = z
  .array(z.lazy(() => partSchema))
  .min(1)
  .meta({ id: 'Conditions' });

/** A condition of any size, as those inside of another are. */
const partSchema: z.ZodType<Condition> = z
  .lazy(() =>
    z
      .object({
        and: conditions.optional(),
        or: conditions.optional(),
        not: partSchema.optional(),
        segment: idSchema('gold').optional(),
        performed: performedSchema(partSchema).optional(),
        converted: convertedSchema.optional(),
        now: windowSchema.optional(),
      })
      .catchall(test)
      .superRefine(
        (condition, ctx) => {
          const keys = Object.keys(condition);
          if (keys.length === 0) ctx.addIssue('is empty; write at least one test, such as { customer.plan: gold }');
          const wrong = wrongKeys(keys);
          ctx.issues = ctx.issues.filter(({ path: [key] = [] }) => typeof key !== 'string' || !wrong.has(key));
          for (const [key, message] of wrong) ctx.addIssue({ code: 'custom', path: [key], message });
        },
        // Wrong values elsewhere must not hide wrong keys; what stands under a wrong key says nothing.
        { when: ({ value }) => typeof value === 'object' && value !== null && !Array.isArray(value) },
      ),
  )
  .meta({ id: 'Condition' });

/** Who or what is meant, by attributes, data, the past and the clock. Paths are Liquid's own and start with one of the roots. */
export const conditionSchema: z.ZodType<Condition> = z
  .preprocess((condition, ctx) => {
    const message = sizeFault(condition);
    if (message !== undefined) ctx.addIssue(message);
    return condition;
  }, partSchema)
  // What is made ready before counts as optional otherwise.
  .nonoptional();

/** What is wrong with keys, by key, as far as somebody reads it. */
function wrongKeys(keys: string[]): Map<string, string> {
  const wrong = new Map<string, string>();
  for (const key of keys) {
    const message = keyFault(key);
    if (message !== undefined) wrong.set(key, message);
    if (wrong.size === MOST_FAULTS) break;
  }
  return wrong;
}

function keyFault(key: string): string | undefined {
  if (KEYWORDS.some((keyword) => keyword === key)) return undefined;
  const shown = JSON.stringify(key.slice(0, 60));
  if (ROOTS.some((root) => root === key)) return `write which field of ${key} is meant, such as ${key}.plan`;
  if (!isPath(key)) {
    const near = nearest(key, KEYWORDS);
    if (near) return `unknown key ${shown}; did you mean "${near}"?`;
    return `unknown key ${shown}; write ${KEYWORDS.join(', ')}, or a path that starts with ${listed(ROOTS)}`;
  }
  const root = /^[^.[]*/.exec(key)?.[0] ?? '';
  if (!ROOTS.some((known) => known === root)) {
    const near = nearest(root, ROOTS);
    if (near) return `unknown path ${shown}; did you mean "${near}${key.slice(root.length, 60)}"?`;
    return `unknown path ${shown}; a path starts with ${listed(ROOTS)}`;
  }
  try {
    const keys = parsePath(key).length;
    return keys > MOST_KEYS
      ? `${shown} has ${keys} keys; a path may have ${MOST_KEYS}, as nothing is nested deeper`
      : undefined;
  } catch (error) {
    return error instanceof Error ? error.message : 'is no path';
  }
}
