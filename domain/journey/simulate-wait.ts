import { campaignScope } from '../campaign/campaign-scope.ts';
import { evaluateCondition } from '../condition/evaluate-condition.ts';
import type { StepOf } from '../campaign/steps.ts';
import type { Json } from '../json.ts';
import type { WaitPath } from '../walk.ts';
import type { StartedWait } from './decision.ts';
import { passTime } from './simulate-events.ts';
import { factsAt } from './simulate-facts.ts';
import { inputNow, note, SIMULATED, type Past, type SimulatedEvent, type Simulation } from './simulation.ts';

const MINUTE_MS = 60_000;

/** So often is a condition judged that time alone may fulfil: by the minute for a week. */
const MOST_MINUTES = 7 * 24 * 60;

/** Nothing that was given ends the wait, and it has no timeout. */
export class WaitsForEver extends Error {}

/** Passes the time until the first of the given events, or the clock, ends a wait. Throws `WaitsForEver`, or `LeftByEvent`. */
export async function simulateWait(simulation: Simulation, past: Past, wait: StartedWait): Promise<WaitPath> {
  const step = simulation.compiled.step(wait.step);
  const end = step.type === 'wait' ? await endOfWait(simulation, past, wait, step) : elapsed(wait);
  if (!end) {
    const last = simulation.events.at(-1)?.timestamp ?? past.now;
    await passTime(simulation, past, { to: last });
    throw new WaitsForEver(`step ${wait.step} waits for ever`);
  }
  const { at, line, by, path } = end;
  // What ends the wait may also end the journey: first the one, then the other, as in a real one.
  await passTime(simulation, past, { to: at, ...(by !== undefined && { before: by }) });
  if (line) note(past, wait.step, ...line);
  if (by !== undefined) past.seen = by + 1;
  if (end.event) past.events[wait.step] = end.event;
  await passTime(simulation, past, { to: at });
  return path;
}

type End = {
  path: WaitPath;
  at: Date;
  /** What the log says. */
  line?: [what: string, details: Parameters<typeof note>[3]];
  /** Which of the given events ended it. */
  by?: number;
  /** The one that was waited for. */
  event?: SimulatedEvent;
};

const elapsed = ({ deadline }: StartedWait): End | null => deadline && { path: 'elapsed', at: deadline };

function timedOut({ deadline }: StartedWait, seen: { values?: Record<string, Json> } = {}): End | null {
  if (!deadline) return null;
  return { path: 'onTimeout', at: deadline, line: ['timedOut', { deadline: deadline.toISOString(), ...seen }] };
}

/** Null: it waits for ever. */
async function endOfWait(
  simulation: Simulation,
  past: Past,
  wait: StartedWait,
  step: StepOf<'wait'>,
): Promise<End | null> {
  const { deadline, sinceEntry } = wait;
  const since = sinceEntry ? 0 : Math.max(past.seen, cameBefore(simulation, past.now));
  const inTime = (at: Date) => deadline === null || at <= deadline;
  const coming = simulation.events.flatMap((event, index) =>
    index >= since && inTime(event.timestamp) ? [{ event, index }] : [],
  );
  if (step.until) {
    const moments = [past.now, ...coming.map(({ event }) => event.timestamp), ...minutes(wait, past.now)];
    if (deadline) moments.push(deadline);
    let seen: Record<string, Json> = {};
    for (const at of moments.toSorted((one, other) => one.getTime() - other.getTime())) {
      const { holds, values } = await judge(simulation, past, { condition: step.until, at, event: null });
      const by = coming.find(({ event }) => event.timestamp.getTime() === at.getTime())?.index;
      if (holds) return { path: 'then', at, line: ['fulfilled', { values }], ...(by !== undefined && { by }) };
      seen = values;
    }
    return timedOut(wait, { values: seen });
  }
  for (const { event, index: by } of coming.filter(({ event: { name } }) => name === step.event)) {
    const at = event.timestamp;
    const { holds, values } = step.where
      ? await judge(simulation, past, { condition: step.where, at, event })
      : { holds: true, values: {} };
    if (!holds) continue;
    return { path: 'then', at, line: ['received', { event: event.id, name: event.name, values }], by, event };
  }
  return timedOut(wait);
}

/** How many of the given events come before a moment. */
const cameBefore = ({ events }: Simulation, moment: Date): number =>
  events.filter(({ timestamp }) => timestamp < moment).length;

function judge(
  simulation: Simulation,
  past: Past,
  { condition, at, event }: { condition: NonNullable<StepOf<'wait'>['until']>; at: Date; event: SimulatedEvent | null },
) {
  const input = inputNow(simulation, { ...past, now: at });
  const scope = campaignScope(simulation.compiled.campaign, event ? { ...input, event } : input);
  return evaluateCondition(condition, scope, at, factsAt(simulation, at));
}

function minutes({ timed, deadline }: StartedWait, from: Date): Date[] {
  if (!timed) return [];
  const all = deadline ? Math.ceil((deadline.getTime() - from.getTime()) / MINUTE_MS) : MOST_MINUTES;
  return Array.from(
    { length: Math.min(all, MOST_MINUTES) },
    (_, index) => new Date(from.getTime() + (index + 1) * MINUTE_MS),
  ).filter((at) => deadline === null || at <= deadline);
}

/** The given events, as if they came that long after the journey began. */
export const simulatedEvents = (
  given: { afterMs: number; name: string; data: SimulatedEvent['data'] }[],
  now: Date,
): SimulatedEvent[] =>
  given
    .map(({ afterMs, name, data }, index) => ({
      id: SIMULATED.eventNumber(index + 1),
      name,
      data,
      timestamp: new Date(now.getTime() + afterMs),
    }))
    .toSorted((one, other) => one.timestamp.getTime() - other.timestamp.getTime());
