import type { Json } from '../json.ts';
import type { Condition } from './condition.ts';
import {
  boundaryOf,
  momentHolds,
  operatorHolds,
  type MomentOperator,
  type Seen,
  type ValueOperator,
} from './operators.ts';
import { readPath } from './path.ts';
import { sinceOf, type Count } from './performed.ts';
import { readCondition, type Rule } from './rule.ts';
import { wallOf } from '../time/zone.ts';
import { zonesInUse } from '../time/zones-in-use.ts';
import { readWall, readWindow, type Reading } from './window.ts';

/**
 * A condition at one moment. What it says of the clock is decided, and what the data at hand decides is `known`, with the values
 * that were seen; the rest is for whoever has the facts: `evaluateCondition`, or SQL.
 */
export type Predicate =
  | { type: 'known'; holds: boolean; values: Record<string, Json> }
  | { type: 'all' | 'any'; parts: Predicate[] }
  | { type: 'not'; part: Predicate }
  | { type: 'test'; path: string; keys: string[]; operator: ValueOperator; operand: Json }
  | { type: 'moment'; path: string; keys: string[]; operator: MomentOperator; at: Date }
  /** The clock where the person is: by the name of their zone, and `usual` where they have none. */
  | { type: 'clock'; zones: Map<string, Reading>; usual: Reading }
  | { type: 'segment'; segment: string }
  | Performed
  | Converted;

type Occurrences = { since: Date | null; count: Count; shown: string };
type Performed = Occurrences & { type: 'performed'; event: string; where: Predicate | null };
type Converted = Occurrences & { type: 'converted'; campaign: string };

/** When a condition is judged, the zone of its clock, and the zones that people are in. */
export type Moment = { now: Date; timezone: string; zones: Iterable<string> };

type Data = Record<string, Json>;

/** What is asked of each person alike: `customer` is left open, other roots are read from `data`, where a missing one is missing. */
export const predicateOf = (condition: Condition, moment: Moment, data: Data = {}): Predicate =>
  withData(atMoment(readCondition(condition), moment), data, ['customer']);

/** Decides what time decides. */
export function atMoment(rule: Rule, moment: Moment): Predicate {
  let walls: Wall[] | undefined;
  return decideTime(rule, { ...moment, walls: () => (walls ??= wallsOf(moment)) });
}

/** What clocks show in a zone, with the spellings in which people have it. */
type Wall = { wall: Date; spellings: string[] };

const wallsOf = ({ now, timezone, zones }: Moment): Wall[] =>
  [...zonesInUse(zones, timezone)].map(([zone, spellings]) => ({ wall: wallOf(now, zone), spellings }));

function decideTime(rule: Rule, moment: Omit<Moment, 'zones'> & { walls: () => Wall[] }): Predicate {
  const { now, timezone } = moment;
  switch (rule.type) {
    case 'all':
    case 'any':
      return { type: rule.type, parts: rule.rules.map((inner) => decideTime(inner, moment)) };
    case 'not':
      return { type: 'not', part: decideTime(rule.rule, moment) };
    case 'test': {
      const { path, keys, operator, operand } = rule;
      if (operator !== 'before' && operator !== 'after') return { type: 'test', path, keys, operator, operand };
      return { type: 'moment', path, keys, operator, at: boundaryOf(String(operand), now) };
    }
    case 'segment':
      return rule;
    case 'now': {
      const { window } = rule;
      if (window.timezone !== 'person') return readingKnown(readWindow(window, now, window.timezone ?? timezone));
      const zones = new Map<string, Reading>();
      for (const { wall, spellings } of moment.walls()) {
        const { holds, time } = readWall(window, wall);
        for (const zone of spellings) zones.set(zone, { holds, clock: `${time} ${zone}` });
      }
      return { type: 'clock', zones, usual: readWindow(window, now, timezone) };
    }
    case 'performed': {
      const { where, within, ...performed } = rule;
      return { ...performed, where: where && decideTime(where, moment), since: sinceOf(within, now) };
    }
    case 'converted': {
      const { within, ...converted } = rule;
      return { ...converted, since: sinceOf(within, now) };
    }
  }
}

/** Decides what the data decides, except for the roots that are `open`. In a `performed`, `event` is open: the one that is counted. */
export function withData(predicate: Predicate, data: Data, open: string[] = []): Predicate {
  const isOpen = (root: string | undefined) => open.some((name) => name === root);
  switch (predicate.type) {
    case 'all':
    case 'any':
      return { type: predicate.type, parts: predicate.parts.map((part) => withData(part, data, open)) };
    case 'not':
      return { type: 'not', part: withData(predicate.part, data, open) };
    case 'test':
    case 'moment': {
      if (isOpen(predicate.keys[0])) return predicate;
      const seen = readPath(predicate.keys, data);
      const holds =
        predicate.type === 'test'
          ? operatorHolds(predicate.operator, seen, predicate.operand)
          : momentHolds(predicate.operator, seen, predicate.at);
      return { type: 'known', holds, values: seen.found ? { [predicate.path]: seen.value } : {} };
    }
    case 'clock': {
      if (isOpen('customer')) return predicate;
      const zone = textOf(readPath(['customer', 'timezone'], data));
      return readingKnown(predicate.zones.get(zone ?? '') ?? predicate.usual);
    }
    case 'performed': {
      const { where } = predicate;
      return { ...predicate, where: where && withData(where, data, [...open, 'event']) };
    }
    case 'known':
    case 'segment':
    case 'converted':
      return predicate;
  }
}

/** A value where it is a text. */
export const textOf = (seen: Seen): string | undefined =>
  seen.found && typeof seen.value === 'string' ? seen.value : undefined;

const readingKnown = ({ holds, clock }: Reading): Predicate => ({ type: 'known', holds, values: { now: clock } });
