import type { Condition } from '../condition/condition.ts';
import { judge, type Facts } from '../condition/evaluate-condition.ts';
import { isTimed, namedAttributes, namedCampaigns, namedEvents, namedSegments } from '../condition/needs.ts';
import { atMoment, textOf, withData } from '../condition/predicate.ts';
import { readPath } from '../condition/path.ts';
import { readCondition, type Rule } from '../condition/rule.ts';
import type { Json } from '../json.ts';
import { buildScope } from '../scope.ts';

/** Where a segment asks for the clock in no other zone. */
export const SEGMENT_ZONE = 'UTC';

/** A segment's condition with what it names. */
export type CompiledSegment = {
  condition: Condition;
  rule: Rule;
  attributes: Set<string>;
  events: Set<string>;
  segments: Set<string>;
  /** Whether conversions count, which any event may be. */
  counts: boolean;
  /** Whether time alone may change who belongs to it. */
  timed: boolean;
};

export function compileSegment(condition: Condition): CompiledSegment {
  const rule = readCondition(condition);
  return {
    condition,
    rule,
    attributes: namedAttributes(rule),
    events: namedEvents(rule),
    segments: namedSegments(rule),
    counts: namedCampaigns(rule).size > 0,
    timed: isTimed(rule),
  };
}

/** Whether an event of that name, or a change of these attributes, may change who belongs to a segment by itself. */
export const concerns = (
  { attributes, events, counts }: CompiledSegment,
  what: { event: string | null; attributes: string[] },
): boolean =>
  (what.event !== null && (counts || events.has(what.event))) || what.attributes.some((name) => attributes.has(name));

/** Whether somebody belongs to a segment, by its condition. */
export async function belongs(
  { rule }: CompiledSegment,
  person: { id: string; attributes: Record<string, Json> },
  now: Date,
  facts: Facts,
): Promise<boolean> {
  const scope = buildScope({ person, now });
  const zone = textOf(readPath(['customer', 'timezone'], scope));
  const moment = { now, timezone: SEGMENT_ZONE, zones: zone === undefined ? [] : [zone] };
  return (await judge(withData(atMoment(rule, moment), scope), facts)).holds;
}

/** Each behind those that it asks for. */
export function inOrder<T extends { id: string; segments: Set<string> }>(segments: T[]): T[] {
  const seen = new Set<T>();
  const place = (segment: T): T[] => {
    if (seen.has(segment)) return [];
    seen.add(segment);
    return [...segments.filter(({ id }) => segment.segments.has(id)).flatMap(place), segment];
  };
  return segments.flatMap(place);
}
