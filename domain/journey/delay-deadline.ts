import type { StepOf } from '../campaign/steps.ts';
import type { Json } from '../json.ts';
import { parseDurationMs } from '../input/duration.ts';
import { deadlineByActivity, deadlineByAttribute, deadlineByTime } from '../time/delay-until.ts';
import type { AtStep } from './decision.ts';

type Delayed = Pick<AtStep, 'compiled' | 'attributes' | 'activity' | 'now'>;

/** `at` is null where the person has no such date. `seen` is what decided, as the log shows it. */
type DelayEnd = { at: Date | null; seen?: Record<string, Json> };

/** When a delay that is reached `now` ends. */
export async function endOfDelay(
  step: StepOf<'delay'>,
  { compiled, attributes, activity, now }: Delayed,
): Promise<DelayEnd> {
  const { for: time, until } = step;
  if (time !== undefined) return { at: new Date(now.getTime() + parseDurationMs(time)) };
  if (until === undefined) throw new Error(`the delay ${step.id} has no end`);
  const person = { attributes, timezone: compiled.campaign.timezone ?? 'UTC' };
  if ('attribute' in until) {
    const { attribute } = until;
    const values = Object.hasOwn(attributes, attribute)
      ? { [`customer.${attribute}`]: attributes[attribute] ?? null }
      : {};
    return { at: deadlineByAttribute(until, person), seen: { values } };
  }
  if ('mostActiveHour' in until) {
    const { at, hour } = deadlineByActivity(until, person, await activity(), now);
    return { at, seen: { hour } };
  }
  return { at: deadlineByTime(until, person, now) };
}

/** What the log says of the end of a delay: when, by what, and why it goes on at once where it does. */
export function explainEnd({ at, seen }: DelayEnd, now: Date): Record<string, Json> {
  if (!at) return { until: null, ...seen, note: 'the person has no such date: it goes on at once' };
  const shown = { until: at.toISOString(), ...seen };
  return at <= now ? { ...shown, note: 'it is past: it goes on at once' } : shown;
}

/** Whether the end of a delay moves with the person: with an attribute, or with their zone. */
export const followsPerson = ({ until }: StepOf<'delay'>): boolean =>
  until !== undefined && ('attribute' in until || 'mostActiveHour' in until || until.timezone === 'person');
