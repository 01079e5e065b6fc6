import type { Facts } from '../../../domain/condition/evaluate-condition.ts';
import { NO_FACTS, withEvents } from '../../../domain/condition/facts.ts';
import type { Json } from '../../../domain/json.ts';

export type Fields = { [key: string]: Json };

/** What a person did, by ISO times; conversions by campaign. The event at hand is one of them. */
export type Past = {
  events?: { name: string; at: string; data?: Fields }[];
  segments?: string[];
  conversions?: { campaign: string; at: string }[];
};

/** The facts of a past that stands in no table. */
export function factsOf({ events = [], segments = [], conversions = [] }: Past = {}): Facts {
  const facts: Facts = {
    ...NO_FACTS,
    inSegment: async (segment) => segments.includes(segment),
    countConversions: async ({ campaign, since }) =>
      conversions.filter((one) => one.campaign === campaign && (!since || new Date(one.at) >= since)).length,
  };
  return withEvents(
    facts,
    events.map(({ name, at, data = {} }) => ({ name, data, timestamp: new Date(at) })),
  );
}
