import type { Json } from '../json.ts';
import type { Condition } from './condition.ts';
import { countHolds } from './performed.ts';
import { atMoment, textOf, withData, type Predicate } from './predicate.ts';
import { readPath } from './path.ts';
import { readCondition } from './rule.ts';

/** What a condition may ask of the past of the person at hand. `since` is the first moment that counts; null: all count. */
export type Facts = {
  inSegment(segment: string): Promise<boolean>;
  /** Events of that name for which `where` holds, the one at hand included. Of roots, only `event` is open in it. */
  countEvents(query: EventQuery): Promise<number>;
  countConversions(query: { campaign: string; since: Date | null }): Promise<number>;
};
export type EventQuery = { event: string; where: Predicate | null; since: Date | null };

/** What a condition comes to, and the values that decided it by path or question; a path without a value was missing. */
export type Judgement = { holds: boolean; values: Record<string, Json> };

/**
 * Judges a condition on `{ customer, event, events, responses, trigger, timezone }`; `now` is what offsets count from. Facts are
 * asked one after another, and only while they may still decide.
 */
export async function evaluateCondition(
  condition: Condition,
  scope: Record<string, Json>,
  now: Date,
  facts: Facts,
): Promise<Judgement> {
  const personZone = textOf(readPath(['customer', 'timezone'], scope));
  const moment = {
    now,
    timezone: textOf(readPath(['timezone'], scope)) ?? 'UTC',
    zones: personZone === undefined ? [] : [personZone],
  };
  return judge(withData(atMoment(readCondition(condition), moment), scope), facts);
}

/** Judges what data has decided as far as it can: the facts decide the rest. */
export async function judge(predicate: Predicate, facts: Facts): Promise<Judgement> {
  switch (predicate.type) {
    case 'known':
      return { holds: predicate.holds, values: predicate.values };
    case 'all':
    case 'any':
      return judgeParts(predicate.parts, predicate.type === 'any', facts);
    case 'not': {
      const { holds, values } = await judge(predicate.part, facts);
      return { holds: !holds, values };
    }
    case 'segment': {
      const holds = await facts.inSegment(predicate.segment);
      return { holds, values: { [`segment ${predicate.segment}`]: holds } };
    }
    case 'performed': {
      const { event, where, since } = predicate;
      return counted(predicate, await facts.countEvents({ event, where, since }));
    }
    case 'converted': {
      const { campaign, since } = predicate;
      return counted(predicate, await facts.countConversions({ campaign, since }));
    }
    case 'test':
    case 'moment':
    case 'clock':
      throw new Error('what reads data is judged after it was given the data');
  }
}

/** In order, up to the first part that decides; if none does, the values of all of them did. */
async function judgeParts(parts: Predicate[], deciding: boolean, facts: Facts): Promise<Judgement> {
  const judged: Judgement[] = [];
  for (const part of parts) {
    const { holds, values } = await judge(part, facts);
    if (holds === deciding) return { holds, values };
    judged.push({ holds, values });
  }
  return { holds: !deciding, values: Object.fromEntries(judged.flatMap(({ values }) => Object.entries(values))) };
}

const counted = ({ count, shown }: Extract<Predicate, { shown: string }>, seen: number): Judgement => ({
  holds: countHolds(count, seen),
  values: { [shown]: seen },
});
