import type { Campaign } from '../domain/campaign/campaign.ts';
import { judgeGoal, trackingSteps } from '../domain/journey/judge-goal.ts';
import { createFacts } from '../db/facts.ts';
import { insertConversion, type ConcernedJourney } from '../db/goals.ts';
import type { EventRow } from '../db/inbox.ts';
import { exitJourneys } from '../db/journey-exit.ts';
import type { PersonRow } from '../db/people.ts';
import type { MatchContext } from './enter.ts';

/**
 * What an event does to the journeys that it concerns, of a person who is held: it is the goal of some, each by its own version, and it ends some, wherever
 * they are. Answers whether any has reached its goal.
 */
export async function meetGoals(
  context: MatchContext,
  person: PersonRow,
  event: EventRow,
  concerned: ConcernedJourney[],
): Promise<boolean> {
  const { tx, campaigns, now } = context;
  if (concerned.length > 0) await context.holdJourneys();
  const leaving = new Map<string, string[]>();
  let isAnyMet = false;
  for (const journey of concerned) {
    const { campaign } = await campaigns(tx, journey.campaignId, journey.version);
    const isMet = journey.isGoal && (await meetGoal(context, { person, event, journey, campaign }));
    isAnyMet ||= isMet;
    const reason = isMet && campaign.goal?.exit ? 'goal' : journey.isExit ? `exit event ${event.name}` : null;
    if (reason !== null) leaving.set(reason, [...(leaving.get(reason) ?? []), journey.id]);
  }
  for (const [reason, ids] of leaving) {
    await exitJourneys(tx, ids, { reason, by: null, now, details: { event: event.id } });
  }
  return isAnyMet;
}

type AtGoal = { person: PersonRow; event: EventRow; journey: ConcernedJourney; campaign: Campaign };

async function meetGoal({ tx, now }: MatchContext, { person, event, journey, campaign }: AtGoal): Promise<boolean> {
  const facts = createFacts(tx, { personKey: person.key, upTo: event.number });
  const { id, trigger } = journey;
  const at = { person: { id: person.id, attributes: person.attributes }, event, trigger, journey: { id }, now };
  const { holds, values } = await judgeGoal(campaign, at, facts);
  return holds && insertConversion(tx, { journey, event, tracking: trackingSteps(campaign), values });
}
