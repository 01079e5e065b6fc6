import type { StepOf } from '../campaign/steps.ts';
import { parseDurationMs } from '../input/duration.ts';
import { deadlineByActivity, deadlineByAttribute, deadlineByTime } from '../time/delay-until.ts';
import type { AtStep } from './decision.ts';

type Delayed = Pick<AtStep, 'compiled' | 'attributes' | 'activity' | 'now'>;

/** When a delay that is reached `now` ends; null where the person has no such date. */
export async function deadlineOf(step: StepOf<'delay'>, { compiled, attributes, activity, now }: Delayed) {
  const { for: time, until } = step;
  if (time !== undefined) return new Date(now.getTime() + parseDurationMs(time));
  if (until === undefined) throw new Error(`the delay ${step.id} has no end`);
  const person = { attributes, timezone: compiled.campaign.timezone ?? 'UTC' };
  if ('attribute' in until) return deadlineByAttribute(until, person);
  if ('mostActiveHour' in until) return deadlineByActivity(until, person, await activity(), now);
  return deadlineByTime(until, person, now);
}

/** What the log says of the end of a delay: when, and why it goes on at once where it does. */
export function explainDeadline(deadline: Date | null, now: Date): { until: string | null; note?: string } {
  if (!deadline) return { until: null, note: 'the person has no such date: it goes on at once' };
  const until = deadline.toISOString();
  return deadline <= now ? { until, note: 'it is past: it goes on at once' } : { until };
}

/** Whether the end of a delay moves with the person: with an attribute, or with their zone. */
export const followsPerson = ({ until }: StepOf<'delay'>): boolean =>
  until !== undefined && ('attribute' in until || 'mostActiveHour' in until || until.timezone === 'person');
