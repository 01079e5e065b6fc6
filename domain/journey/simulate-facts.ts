import type { Facts } from '../condition/evaluate-condition.ts';
import { withEvents } from '../condition/facts.ts';
import { belongs, type CompiledSegment } from '../segment/compiled-segment.ts';
import type { Past, SimulatedEvent, Simulation } from './simulation.ts';

type TriedOut = Pick<Simulation, 'person' | 'now'> & {
  events: Pick<SimulatedEvent, 'name' | 'data' | 'timestamp'>[];
  segments: ReadonlyMap<string, CompiledSegment>;
};

/** Facts about somebody as they are tried out: with events that stand in no table, in the segments whose definitions they meet. */
export function triedOutFacts(facts: Facts, { events, segments, person, now }: TriedOut): Facts {
  // Each is judged once, by however many others it is asked for.
  const judged = new Map<string, Promise<boolean>>();
  const inSegment = (id: string): Promise<boolean> => {
    const segment = segments.get(id);
    const found = judged.get(id) ?? (segment ? belongs(segment, person, now, all) : Promise.resolve(false));
    judged.set(id, found);
    return found;
  };
  const all = withEvents({ ...facts, inSegment }, events);
  return all;
}

/** What conditions ask of the past: with the given events that have come by a moment, or the first so many, and the journey's own conversion. */
export function factsAt(simulation: Simulation, past: Past, by: Date | number): Facts {
  const { events, segments, facts, compiled } = simulation;
  const come = typeof by === 'number' ? events.slice(0, by) : events.filter(({ timestamp }) => timestamp <= by);
  const at = typeof by === 'number' ? come.at(-1)?.timestamp : by;
  const own: Facts = {
    ...facts,
    async countConversions(query) {
      const { convertedAt } = past;
      const isOwn = query.campaign === compiled.campaign.id && convertedAt !== null;
      const counts = isOwn && (query.since === null || convertedAt >= query.since);
      return (await facts.countConversions(query)) + (counts ? 1 : 0);
    },
  };
  const now = at && at > past.now ? at : past.now;
  return triedOutFacts(own, { events: come, segments, person: past.person, now });
}
