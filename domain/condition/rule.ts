import type { Json } from '../json.ts';
import type { Condition } from './condition.ts';
import { operatorSchema, type Operator, type Operators } from './operators.ts';
import { isPath, parsePath, type Path } from './path.ts';
import { AT_LEAST_ONCE, type Count } from './performed.ts';
import type { Window } from './window.ts';

/** A condition as a tree with one meaning per node, for whatever judges or translates it. */
export type Rule =
  | { type: 'all'; rules: Rule[] }
  | { type: 'any'; rules: Rule[] }
  | { type: 'not'; rule: Rule }
  | { type: 'test'; path: string; keys: string[]; operator: Operator; operand: Json }
  | { type: 'segment'; segment: string }
  | (Occurrences & { type: 'performed'; event: string; where: Rule | null })
  | (Occurrences & { type: 'converted'; campaign: string })
  | { type: 'now'; window: Window };

/** `shown` is what the values that decided call it. */
type Occurrences = { within: string | null; count: Count; shown: string };

/** The tree of a valid condition. Beside each other in one object, what has to be looked up stands last; lists stay as written. */
export function readCondition(condition: Condition): Rule {
  const rules = Object.keys(condition).flatMap((key) => readKey(key, condition));
  return { type: 'all', rules: [...rules.filter((rule) => !asks(rule)), ...rules.filter(asks)] };
}

function readKey(key: string, condition: Condition): Rule[] {
  if (isPath(key)) return readTest(key, condition[key] ?? null);
  const { and, or, not, segment, performed, converted, now } = condition;
  if (key === 'and' && and) return and.map(readCondition);
  if (key === 'or' && or) return [{ type: 'any', rules: or.map(readCondition) }];
  if (key === 'not' && not) return [{ type: 'not', rule: readCondition(not) }];
  if (key === 'segment' && segment !== undefined) return [{ type: 'segment', segment }];
  if (key === 'now' && now) return [{ type: 'now', window: now }];
  if (key === 'performed' && performed) {
    const { event, where, within = null, count = AT_LEAST_ONCE } = performed;
    const shown = shownOccurrences(`performed ${event}`, performed);
    return [{ type: 'performed', event, where: where ? readCondition(where) : null, within, count, shown }];
  }
  if (key === 'converted' && converted) {
    const { campaign, within = null, count = AT_LEAST_ONCE } = converted;
    return [
      { type: 'converted', campaign, within, count, shown: shownOccurrences(`converted ${campaign}`, converted) },
    ];
  }
  return [];
}

/** Whether a rule needs more than the data at hand. */
function asks(rule: Rule): boolean {
  switch (rule.type) {
    case 'all':
    case 'any':
      return rule.rules.some(asks);
    case 'not':
      return asks(rule.rule);
    case 'test':
    case 'now':
      return false;
    case 'segment':
    case 'performed':
    case 'converted':
      return true;
  }
}

const LONGEST_SHOWN = 120;

/** `performed purchase where {"event.total":{"gt":100}} within 30d` */
function shownOccurrences(
  what: string,
  { where, within }: { where?: Condition | undefined; within?: string | undefined },
) {
  const asked = where ? JSON.stringify(where) : '';
  const cut = asked.length > LONGEST_SHOWN ? `${asked.slice(0, LONGEST_SHOWN)}…` : asked;
  return `${what}${cut && ` where ${cut}`}${within ? ` within ${within}` : ''}`;
}

function readTest(path: Path, test: Json | Operators): Rule[] {
  const keys = parsePath(path);
  if (!isOperators(test)) return [{ type: 'test', path, keys, operator: 'eq', operand: test }];
  return operatorSchema.options.flatMap((operator): Rule[] => {
    const operand = test[operator];
    return operand === undefined ? [] : [{ type: 'test', path, keys, operator, operand }];
  });
}

function isOperators(test: Json | Operators): test is Operators {
  return typeof test === 'object' && test !== null && !Array.isArray(test);
}
