import type { ScopeInput } from '../scope.ts';
import { walk, type Ending, type Verbs } from '../walk.ts';
import { decide } from './decide.ts';
import { DECISION, type AtStep } from './decision.ts';
import { simulateSend } from './simulate-send.ts';
import { LeftByEvent, meetLater, passTime } from './simulate-events.ts';
import { factsAt } from './simulate-facts.ts';
import { simulateWait, WaitsForEver } from './simulate-wait.ts';
import {
  attributesOf,
  note,
  scopeNow,
  SIMULATED,
  type Past,
  type SimulatedDelivery,
  type SimulatedLine,
  type Simulation,
} from './simulation.ts';

/** `waiting`: nothing that was given ends its wait. */
export type SimulatedJourney = (Ending | { state: 'waiting'; reason: string }) & {
  startedAt: Date;
  endedAt: Date;
  log: SimulatedLine[];
  deliveries: SimulatedDelivery[];
  /** As the journey left them. */
  person: ScopeInput['person'];
};

/** Walks a journey to its end as a worker does, with verbs that send nothing, store nothing, and skip the time. */
export async function simulate(simulation: Simulation): Promise<SimulatedJourney> {
  const { plan, person, now } = simulation;
  const past: Past = {
    ...{ now, person, log: [], deliveries: new Map(), responses: {}, events: {}, wait: null },
    ...{ seen: 0, met: 0, convertedAt: null },
  };
  const { event, ...ending } = await walk(plan, simulatedVerbs(simulation, past)).then(
    (end) => ({ ...end, event: null }),
    endedBy,
  );
  const { reason } = ending;
  note(past, null, ending.state, { ...(reason !== null && { reason }), ...(event !== null && { event }) });
  const endedAt = past.now;
  await meetLater(simulation, past);
  const deliveries = [...past.deliveries.values()];
  return { ...ending, startedAt: now, endedAt, log: past.log, deliveries, person: past.person };
}

/** How a walk ends that does not come to its end. */
function endedBy(error: unknown) {
  if (error instanceof WaitsForEver) return { state: 'waiting' as const, reason: error.message, event: null };
  if (error instanceof LeftByEvent) return { state: 'exited' as const, reason: error.reason, event: error.event };
  throw error;
}

const simulatedVerbs = (simulation: Simulation, past: Past): Verbs => ({
  atBoundary: () => simulation.atBoundary(),
  async prepare(step) {
    const { prepared, details, what } = await decide(simulation.compiled.step(step.id), inMemory(simulation, past));
    note(past, step.id, what ?? DECISION[step.type], details);
    return prepared;
  },
  sleepUntil: (until) => passTime(simulation, past, { to: new Date(until) }),
  async waitFor({ ended }) {
    if (ended) return ended;
    if (!past.wait) throw new Error('a wait was not begun');
    return simulateWait(simulation, past, past.wait);
  },
  send({ id, held }, step) {
    if (held) note(past, step.id, 'approved', { delivery: id, note: 'it is taken to be approved, at once' });
    return simulateSend(simulation, past, { delivery: id, step: step.id });
  },
});

const inMemory = (simulation: Simulation, past: Past): AtStep => ({
  compiled: simulation.compiled,
  now: past.now,
  person: past.person.id,
  suppressed: simulation.suppressed,
  scope: async () => scopeNow(simulation, past, { secrets: simulation.secrets }),
  attributes: past.person.attributes,
  activity: () => simulation.activity(past.now),
  facts: factsAt(simulation, past, past.now),
  setAttributes: attributesOf(simulation, past),
  newDeliveryId: () => SIMULATED.delivery(past.deliveries.size + 1),
  keepDelivery: async (delivery) => void past.deliveries.set(delivery.id, { ...delivery, answer: null }),
  keepWait: async (wait) => void (past.wait = wait),
  keepChoice: async () => {},
});
