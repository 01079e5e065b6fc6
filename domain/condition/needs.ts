import type { Condition } from './condition.ts';
import { isOffset } from './operators.ts';
import { readCondition, type Rule } from './rule.ts';

/** What a rule is made of, at any depth; `inEvent`: in the `where` of a `performed`, where `event` is the one that is counted. */
type Leaf = Exclude<Rule, { type: 'all' | 'any' | 'not' }>;
type Found = { leaf: Leaf; inEvent: boolean };

/** The paths that a condition reads, each once; not what the `where` of a `performed` asks of the event that it counts. */
export function conditionPaths(condition: Condition): string[] {
  const found = leavesOf(readCondition(condition)).flatMap(({ leaf, inEvent }) =>
    leaf.type === 'test' && !(inEvent && leaf.keys[0] === 'event') ? [leaf.path] : [],
  );
  return [...new Set(found)];
}

/** Attributes of the person that a rule reads, each once; `id` is none. */
export function namedAttributes(rule: Rule): Set<string> {
  const found = leavesOf(rule).flatMap(({ leaf }) => {
    if (leaf.type === 'now') return leaf.window.timezone === 'person' ? ['timezone'] : [];
    if (leaf.type !== 'test') return [];
    const [root, name] = leaf.keys;
    return root === 'customer' && name !== undefined && name !== 'id' ? [name] : [];
  });
  return new Set(found);
}

/** Segments whose members a rule asks for. */
export const namedSegments = (rule: Rule): Set<string> =>
  new Set(leavesOf(rule).flatMap(({ leaf }) => (leaf.type === 'segment' ? [leaf.segment] : [])));

/** Events that a rule counts. */
export const namedEvents = (rule: Rule): Set<string> =>
  new Set(leavesOf(rule).flatMap(({ leaf }) => (leaf.type === 'performed' ? [leaf.event] : [])));

/** Campaigns whose conversions a rule counts. */
export const namedCampaigns = (rule: Rule): Set<string> =>
  new Set(leavesOf(rule).flatMap(({ leaf }) => (leaf.type === 'converted' ? [leaf.campaign] : [])));

/** Whether time alone may change what a rule comes to: by `now`, `within`, or an offset from now. */
export const isTimed = (rule: Rule): boolean => leavesOf(rule).some(({ leaf }) => isTimedLeaf(leaf));

/** Whether a rule reads the clock in each person's own zone. */
export const readsPersonZone = (rule: Rule): boolean =>
  leavesOf(rule).some(({ leaf }) => leaf.type === 'now' && leaf.window.timezone === 'person');

function isTimedLeaf(leaf: Leaf): boolean {
  switch (leaf.type) {
    case 'now':
      return true;
    case 'performed':
    case 'converted':
      return leaf.within !== null;
    case 'test':
      return isMoment(leaf.operator) && typeof leaf.operand === 'string' && isOffset(leaf.operand);
    case 'segment':
      return false;
  }
}

const isMoment = (operator: string): boolean => operator === 'before' || operator === 'after';

function leavesOf(rule: Rule, inEvent = false): Found[] {
  switch (rule.type) {
    case 'all':
    case 'any':
      return rule.rules.flatMap((inner) => leavesOf(inner, inEvent));
    case 'not':
      return leavesOf(rule.rule, inEvent);
    case 'performed':
      return [{ leaf: rule, inEvent }, ...(rule.where ? leavesOf(rule.where, true) : [])];
    case 'test':
    case 'segment':
    case 'converted':
    case 'now':
      return [{ leaf: rule, inEvent }];
  }
}
