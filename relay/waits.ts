import { endOfDelay, explainEnd } from '../domain/journey/delay-deadline.ts';
import { countActivity } from '../db/activity.ts';
import type { InboxItem } from '../db/inbox.ts';
import { readCause } from '../db/journeys.ts';
import type { PersonRow } from '../db/people.ts';
import { judgeCondition, judgeEvent } from '../db/wait-judgement.ts';
import { closeWait, listOpenWaits, moveDeadline, type WaitRow } from '../db/waits.ts';
import type { MatchContext } from './enter.ts';
import { isPastItem } from './past-item.ts';

/**
 * Tells the waits of a person, who is held, what has happened: an event may end those for it, and whatever it is may fulfil a
 * condition, or move a time that follows from the person. `at` is when it was stored: what came after the time of a wait, however late
 * the wait is told, fulfils nothing.
 */
export async function tellWaits(context: MatchContext, person: PersonRow, item: InboxItem, at: Date): Promise<void> {
  if (isPastItem(item)) return;
  const waits = await listOpenWaits(context.tx, person.key);
  // So that the right run is woken.
  if (waits.length > 0) await context.holdJourneys();
  for (const wait of waits) {
    switch (wait.kind) {
      case 'event': {
        const end = item.event && (await judgeEvent(context, wait, item.event));
        if (end) await closeWait(context.tx, wait, end, { wake: true });
        break;
      }
      case 'condition': {
        if (wait.deadline !== null && at > wait.deadline) break;
        const end = await judgeCondition(context, wait, item.number);
        if (end) await closeWait(context.tx, wait, end, { wake: true });
        break;
      }
      case 'time':
        if (item.change || item.type === 'recheck') await moveTime(context, person, wait, at);
    }
  }
}

/**
 * As if the step had been reached with the attributes of now: the next moment of a clock is the next one after the change, `at`. What is
 * gone holds nobody, and what is over stays so.
 */
async function moveTime({ tx, campaigns, now }: MatchContext, person: PersonRow, wait: WaitRow, at: Date) {
  if (wait.deadline !== null && at >= wait.deadline) return;
  const cause = await readCause(tx, wait.journeyId);
  if (!cause) return;
  const compiled = await campaigns(tx, cause.journey.campaignId, cause.journey.version);
  const step = compiled.step(wait.stepId);
  if (step.type !== 'delay') return;
  const end = await endOfDelay(step, {
    compiled,
    attributes: person.attributes,
    activity: () => countActivity(tx, person.key, wait.createdAt),
    now: at > wait.createdAt ? at : wait.createdAt,
  });
  await moveDeadline(tx, wait, end.at ?? now, explainEnd(end, now));
}
