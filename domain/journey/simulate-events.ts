import { goalAndExits } from '../campaign/decide-entry.ts';
import { factsAt } from './simulate-facts.ts';
import { judgeGoal, trackingSteps } from './judge-goal.ts';
import { inputNow, note, type Past, type SimulatedEvent, type Simulation } from './simulation.ts';

/** One of the given events ends the journey, wherever it stands. */
export class LeftByEvent extends Error {
  readonly reason: string;
  readonly event: string;

  constructor(reason: string, event: string) {
    super(reason);
    this.reason = reason;
    this.event = event;
  }
}

type UpTo = { to: Date; before?: number };

/** Lets the time up to a moment pass, with what comes meanwhile: see `meetUpTo`. */
export async function passTime(simulation: Simulation, past: Past, { to, ...upTo }: UpTo): Promise<void> {
  await meetUpTo(simulation, past, { to, ...upTo });
  past.now = later(past.now, to);
}

/**
 * What comes up to a moment, or of that what comes before the event with an index, may be the goal of the journey, and may end it: throws
 * `LeftByEvent`.
 */
export async function meetUpTo(simulation: Simulation, past: Past, { to, before = Infinity }: UpTo): Promise<void> {
  for (let event = next(simulation, past); event && event.timestamp <= to && past.met < before;) {
    const reason = await meet(simulation, past, event);
    if (reason !== null) throw new LeftByEvent(reason, event.id);
    event = next(simulation, past);
  }
}

/** What comes when a journey has ended may still be its goal. */
export async function meetLater(simulation: Simulation, past: Past): Promise<void> {
  for (let event = next(simulation, past); event; event = next(simulation, past)) await meet(simulation, past, event);
}

const next = ({ events }: Simulation, { met }: Past): SimulatedEvent | undefined => events[met];

/** What the next event does to the journey, as the relay decides; why it ends, or null. */
async function meet(simulation: Simulation, past: Past, event: SimulatedEvent): Promise<string | null> {
  const { campaign } = simulation.compiled;
  past.met += 1;
  past.now = later(past.now, event.timestamp);
  const { goalEvent, goalUntil, exitEvents } = goalAndExits(campaign, simulation.now);
  const isInTime = goalUntil !== null && event.timestamp <= goalUntil;
  if (!past.convertedAt && event.name === goalEvent && isInTime) {
    await simulation.atBoundary();
    const at = { ...inputNow(simulation, past), event };
    const { holds, values } = await judgeGoal(campaign, at, factsAt(simulation, past, past.met));
    if (holds) {
      past.convertedAt = event.timestamp;
      note(past, null, 'converted', {
        event: event.id,
        name: event.name,
        values,
        credited: credited(simulation, past),
      });
      if (campaign.goal?.exit) return 'goal';
    }
  }
  return exitEvents.includes(event.name) ? `exit event ${event.name}` : null;
}

function credited({ compiled }: Simulation, { deliveries }: Past): string | null {
  const tracking = trackingSteps(compiled.campaign);
  const sent = [...deliveries.values()].filter(({ state, webhook }) => state === 'sent' && tracking.includes(webhook));
  return sent.at(-1)?.webhook ?? null;
}

const later = (one: Date, other: Date) => (one > other ? one : other);
