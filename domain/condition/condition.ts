import { z } from 'zod';
import type { Json } from '../json.ts';
import { listed, nearest } from '../input/nearest.ts';
import { operatorHolds, operatorSchema, operatorsSchema, type Operator, type Operators } from './operators.ts';
import { parsePath, readPath } from './path.ts';

const ROOTS = ['customer', 'event', 'events', 'responses', 'trigger'] as const;
const KEYWORDS = ['and', 'or', 'not'] as const;

type Path = `${string}.${string}` | `${string}[${string}`;

/** `{ <path>: <value> }` or `{ <path>: { <operator>: <value> } }`; several keys in one object all have to hold. */
export type Condition = {
  and?: Condition[] | undefined;
  or?: Condition[] | undefined;
  not?: Condition | undefined;
  [path: Path]: Json | Operators;
};

const scalar = z.union([z.string(), z.number(), z.boolean(), z.null(), z.array(z.json())]);
const test = z.union([scalar, operatorsSchema], { error: 'write a value, or operators such as { gte: 3 }' });
const conditions: z.ZodType<Condition[]> = z.array(z.lazy(() => conditionSchema)).min(1);

/** Who or what is meant, by attributes and data. Paths are Liquid's own and start with one of the roots. */
export const conditionSchema: z.ZodType<Condition> = z.lazy(() =>
  z
    .object({ and: conditions.optional(), or: conditions.optional(), not: conditionSchema.optional() })
    .catchall(test)
    .superRefine(
      (condition, ctx) => {
        const keys = Object.keys(condition);
        if (keys.length === 0) ctx.addIssue('is empty; write at least one test, such as { customer.plan: gold }');
        for (const key of keys) {
          const message = keyFault(key);
          if (!message) continue;
          ctx.issues = ctx.issues.filter(({ path }) => path?.[0] !== key);
          ctx.addIssue({ code: 'custom', path: [key], message });
        }
      },
      // Wrong values elsewhere must not hide wrong keys; what stands under a wrong key says nothing.
      { when: ({ value }) => typeof value === 'object' && value !== null && !Array.isArray(value) },
    ),
);

/** A condition as a tree with one meaning per node, for whatever judges or translates it. */
export type Rule =
  | { type: 'all'; rules: Rule[] }
  | { type: 'any'; rules: Rule[] }
  | { type: 'not'; rule: Rule }
  | { type: 'test'; path: string; keys: string[]; operator: Operator; operand: Json };

/** The tree of a valid condition, in the order in which it was written. */
export function readCondition(condition: Condition): Rule {
  const rules = Object.keys(condition).flatMap((key): Rule[] => {
    if (isPath(key)) return readTest(key, condition[key] ?? null);
    if (key === 'and') return (condition.and ?? []).map(readCondition);
    if (key === 'or') return [{ type: 'any', rules: (condition.or ?? []).map(readCondition) }];
    return condition.not ? [{ type: 'not', rule: readCondition(condition.not) }] : [];
  });
  return { type: 'all', rules };
}

/** The paths that a condition reads, each once. */
export function conditionPaths(condition: Condition): string[] {
  return [...new Set(pathsOf(readCondition(condition)))];
}

/** What a condition comes to, and the values that decided it by path; a path without a value was missing. */
export type Judgement = { holds: boolean; values: Record<string, Json> };

/** Judges a condition on `{ customer, event, events, responses, trigger }`; `now` is what offsets count from. */
export function evaluateCondition(condition: Condition, scope: Record<string, Json>, now: Date): Judgement {
  return judge(readCondition(condition), scope, now);
}

function judge(rule: Rule, scope: Record<string, Json>, now: Date): Judgement {
  switch (rule.type) {
    case 'all':
    case 'any': {
      const deciding = rule.type === 'any';
      const judged = rule.rules.map((inner) => judge(inner, scope, now));
      const decisive = judged.find(({ holds }) => holds === deciding);
      return (
        decisive ?? {
          holds: !deciding,
          values: Object.fromEntries(judged.flatMap(({ values }) => Object.entries(values))),
        }
      );
    }
    case 'not': {
      const { holds, values } = judge(rule.rule, scope, now);
      return { holds: !holds, values };
    }
    case 'test': {
      const seen = readPath(rule.keys, scope);
      const values = seen.found ? { [rule.path]: seen.value } : {};
      return { holds: operatorHolds(rule.operator, seen, rule.operand, now), values };
    }
  }
}

function readTest(path: Path, test: Json | Operators): Rule[] {
  const keys = parsePath(path);
  if (!isOperators(test)) return [{ type: 'test', path, keys, operator: 'eq', operand: test }];
  return operatorSchema.options.flatMap((operator): Rule[] => {
    const operand = test[operator];
    return operand === undefined ? [] : [{ type: 'test', path, keys, operator, operand }];
  });
}

function pathsOf(rule: Rule): string[] {
  if (rule.type === 'test') return [rule.path];
  return rule.type === 'not' ? pathsOf(rule.rule) : rule.rules.flatMap(pathsOf);
}

function isPath(key: string): key is Path {
  return /[.[]/.test(key);
}

function isOperators(test: Json | Operators): test is Operators {
  return typeof test === 'object' && test !== null && !Array.isArray(test);
}

function keyFault(key: string): string | undefined {
  if (KEYWORDS.some((keyword) => keyword === key)) return undefined;
  const shown = JSON.stringify(key.slice(0, 60));
  if (ROOTS.some((root) => root === key)) return `write which field of ${key} is meant, such as ${key}.plan`;
  if (!isPath(key)) {
    const near = nearest(key, KEYWORDS);
    if (near) return `unknown key ${shown}; did you mean "${near}"?`;
    return `unknown key ${shown}; write and, or, not, or a path that starts with ${listed(ROOTS)}`;
  }
  const root = /^[^.[]*/.exec(key)?.[0] ?? '';
  if (!ROOTS.some((known) => known === root)) {
    const near = nearest(root, ROOTS);
    if (near) return `unknown path ${shown}; did you mean "${near}${key.slice(root.length, 60)}"?`;
    return `unknown path ${shown}; a path starts with ${listed(ROOTS)}`;
  }
  try {
    parsePath(key);
    return undefined;
  } catch (error) {
    return error instanceof Error ? error.message : 'is no path';
  }
}
