import type { Facts } from '../condition/evaluate-condition.ts';
import { withEvents } from '../condition/facts.ts';
import type { Simulation } from './simulation.ts';

/** What conditions ask of the past, with the given events that have come by then. */
export const factsAt = ({ facts, events }: Simulation, at: Date): Facts =>
  withEvents(
    facts,
    events.filter(({ timestamp }) => timestamp <= at),
  );
