import type { Json } from '../json.ts';
import { judge, type EventQuery, type Facts } from './evaluate-condition.ts';
import { withData } from './predicate.ts';

/** The facts about somebody without a past. */
export const NO_FACTS: Facts = {
  inSegment: async () => false,
  countEvents: async () => 0,
  countConversions: async () => 0,
};

type PastEvent = { name: string; data: Record<string, Json>; timestamp: Date };

/** Facts with events beside those that they count: for what is tried out and stands in no table. */
export function withEvents(facts: Facts, events: PastEvent[]): Facts {
  const all: Facts = {
    ...facts,
    async countEvents(query) {
      let count = await facts.countEvents(query);
      for (const event of events) if (await counts(event, query, all)) count += 1;
      return count;
    },
  };
  return all;
}

async function counts({ name, data, timestamp }: PastEvent, query: EventQuery, facts: Facts): Promise<boolean> {
  const { event, where, since } = query;
  if (name !== event || (since && timestamp < since)) return false;
  return where === null || (await judge(withData(where, { event: { name, ...data } }), facts)).holds;
}
