import { campaignScope } from '../campaign/campaign-scope.ts';
import { evaluateCondition, type Judgement } from '../condition/evaluate-condition.ts';
import type { Condition } from '../condition/condition.ts';
import type { StepOf } from '../campaign/steps.ts';
import type { Json } from '../json.ts';
import type { WaitPath } from '../walk.ts';
import type { StartedWait } from './decision.ts';
import { meetUpTo, passTime } from './simulate-events.ts';
import { factsAt } from './simulate-facts.ts';
import { inputNow, note, SIMULATED, type Past, type SimulatedEvent, type Simulation } from './simulation.ts';

const MINUTE_MS = 60_000;
const QUARTER_MS = 15 * MINUTE_MS;

/**
 * When a condition is judged that time alone may fulfil: by the minute for a week, then by the quarter of an hour for
 * a year, where the minute is looked for once it holds.
 */
const WEEK_MS = 7 * 24 * 60 * MINUTE_MS;
const YEAR_MS = 365 * 24 * 60 * MINUTE_MS;

/** Nothing that was given ends the wait, and it has no timeout. */
export class WaitsForEver extends Error {}

/** Passes the time until the first of the given events, or the clock, ends a wait. Throws `WaitsForEver`, or `LeftByEvent`. */
export async function simulateWait(simulation: Simulation, past: Past, wait: StartedWait): Promise<WaitPath> {
  const step = simulation.compiled.step(wait.step);
  const end = step.type === 'wait' ? await endOfWait(simulation, past, wait, step) : elapsed(wait);
  if (!end) throw new WaitsForEver(`step ${wait.step} waits for ever`);
  const { at, line, by, path } = end;
  // What ends the wait may also end the journey: first the one, then the other, as in a real one.
  await passTime(simulation, past, { to: at, ...(by !== undefined && { before: by }) });
  if (line) note(past, wait.step, ...line);
  if (by !== undefined) past.seen = Math.max(past.seen, by + 1);
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

const elapsed = ({ deadline }: StartedWait): End | null =>
  deadline && { path: 'elapsed', at: deadline, line: ['elapsed', { deadline: deadline.toISOString() }] };

const timedOut = (deadline: Date, seen: { values?: Record<string, Json> }): End => ({
  path: 'onTimeout',
  at: deadline,
  line: ['timedOut', { deadline: deadline.toISOString(), ...seen }],
});

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
  const end = step.until
    ? await endOfCondition(simulation, past, wait, { until: step.until, coming })
    : await endOfEvent(simulation, past, step, coming);
  if (end) return end;
  if (deadline) return timedOut(deadline, {});
  await meetUpTo(simulation, past, { to: simulation.events.at(-1)?.timestamp ?? past.now });
  return null;
}

type Coming = { event: SimulatedEvent; index: number }[];

/** At once where it holds, or when an event or the time makes it; at each event once before it has been met, and once after. */
async function endOfCondition(
  simulation: Simulation,
  past: Past,
  { timed, deadline }: StartedWait,
  { until, coming }: { until: Condition; coming: Coming },
): Promise<End | null> {
  const from = past.now;
  const moments = [
    ...[from, ...(timed ? looks(from, deadline) : []), ...(deadline ? [deadline] : [])].map((at) => ({
      at,
      by: undefined,
    })),
    ...coming.map(({ event, index }) => ({ at: event.timestamp, by: index })),
  ].toSorted((one, other) => one.at.getTime() - other.at.getTime());
  let seen: Record<string, Json> = {};
  for (const { at, by } of moments) {
    for (const before of [by ?? Infinity, ...(by === undefined ? [] : [by + 1])]) {
      await meetUpTo(simulation, past, { to: at, before });
      const { holds, values } = await judge(simulation, past, { condition: until, at, event: null, come: by });
      if (holds && by !== undefined) return { path: 'then', at, line: ['fulfilled', { values }], by };
      if (holds) {
        const first = at.getTime() - from.getTime() > WEEK_MS ? await firstMinute(simulation, past, until, at) : at;
        return { path: 'then', at: first, line: ['fulfilled', { values }] };
      }
      seen = values;
    }
  }
  return deadline && timedOut(deadline, { values: seen });
}

async function endOfEvent(
  simulation: Simulation,
  past: Past,
  { event: name, where }: StepOf<'wait'>,
  coming: Coming,
): Promise<End | null> {
  for (const { event, index: by } of coming.filter(({ event: one }) => one.name === name)) {
    const at = event.timestamp;
    await meetUpTo(simulation, past, { to: at, before: by });
    const { holds, values } = where
      ? await judge(simulation, past, { condition: where, at, event, come: by })
      : { holds: true, values: {} };
    if (!holds) continue;
    return { path: 'then', at, line: ['received', { event: event.id, name: event.name, values }], by, event };
  }
  return null;
}

/** How many of the given events come before a moment. */
const cameBefore = ({ events }: Simulation, moment: Date): number =>
  events.filter(({ timestamp }) => timestamp < moment).length;

type Judged = {
  condition: Condition;
  at: Date;
  event: SimulatedEvent | null;
  /** The index of the last given event that has come; all by that time otherwise. */
  come: number | undefined;
};

async function judge(simulation: Simulation, past: Past, { condition, at, event, come }: Judged): Promise<Judgement> {
  await simulation.atBoundary();
  const input = inputNow(simulation, { ...past, now: at });
  const scope = campaignScope(simulation.compiled.campaign, event ? { ...input, event } : input);
  return evaluateCondition(condition, scope, at, factsAt(simulation, past, come === undefined ? at : come + 1));
}

function looks(from: Date, deadline: Date | null): Date[] {
  const end = Math.min(deadline?.getTime() ?? Infinity, from.getTime() + YEAR_MS);
  const times: Date[] = [];
  for (let at = from.getTime() + MINUTE_MS; at <= end; at += at - from.getTime() < WEEK_MS ? MINUTE_MS : QUARTER_MS)
    times.push(new Date(at));
  return times;
}

/** The first minute of the quarter of an hour up to a moment at which a condition holds that did not hold before. */
async function firstMinute(simulation: Simulation, past: Past, condition: Condition, end: Date): Promise<Date> {
  for (let ms = end.getTime() - QUARTER_MS + MINUTE_MS; ms < end.getTime(); ms += MINUTE_MS) {
    const at = new Date(ms);
    if ((await judge(simulation, past, { condition, at, event: null, come: undefined })).holds) return at;
  }
  return end;
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
