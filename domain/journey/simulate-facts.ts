import type { Facts } from '../condition/evaluate-condition.ts';
import { withEvents } from '../condition/facts.ts';
import type { Past, Simulation } from './simulation.ts';

/** What conditions ask of the past: with the given events that have come by a moment, or the first so many, and the journey's own conversion. */
export function factsAt(simulation: Simulation, past: Past, by: Date | number): Facts {
  const { events, compiled } = simulation;
  const come = typeof by === 'number' ? events.slice(0, by) : events.filter(({ timestamp }) => timestamp <= by);
  const facts = withEvents(simulation.facts, come);
  return {
    ...facts,
    async countConversions(query) {
      const { convertedAt } = past;
      const isOwn = query.campaign === compiled.campaign.id && convertedAt !== null;
      const counts = isOwn && (query.since === null || convertedAt >= query.since);
      return (await facts.countConversions(query)) + (counts ? 1 : 0);
    },
  };
}
