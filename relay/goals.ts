import { allSteps, type Campaign } from '../domain/campaign/campaign.ts';
import { campaignScope } from '../domain/campaign/campaign-scope.ts';
import { evaluateCondition, type Judgement } from '../domain/condition/evaluate-condition.ts';
import { createFacts } from '../db/facts.ts';
import { insertConversion, type ConcernedJourney } from '../db/goals.ts';
import type { EventRow } from '../db/inbox.ts';
import { exitJourneys } from '../db/journey-exit.ts';
import type { PersonRow } from '../db/people.ts';
import type { WaitContext } from '../db/wait-judgement.ts';

/**
 * What an event does to the journeys that it concerns, of a person who is held: it is the goal of some, each by its own version, and it ends some, wherever
 * they are. Answers whether any has reached its goal.
 */
export async function meetGoals(
  context: WaitContext,
  person: PersonRow,
  event: EventRow,
  concerned: ConcernedJourney[],
): Promise<boolean> {
  const { tx, campaigns, now } = context;
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

async function meetGoal({ tx, now }: WaitContext, { person, event, journey, campaign }: AtGoal): Promise<boolean> {
  const { holds, values } = await judgeGoal();
  return holds && insertConversion(tx, { journey, event, tracking: trackingSteps(campaign), values });

  async function judgeGoal(): Promise<Judgement> {
    const where = campaign.goal?.where;
    if (!where) return { holds: campaign.goal !== undefined, values: {} };
    const scope = campaignScope(campaign, {
      person: { id: person.id, attributes: person.attributes },
      event,
      trigger: journey.trigger,
      journey: { id: journey.id },
      now,
    });
    return evaluateCondition(where, scope, now, createFacts(tx, { personKey: person.key, upTo: event.number }));
  }
}

const trackingSteps = ({ steps }: Campaign) =>
  allSteps(steps).flatMap((step) => (step.type === 'webhook' && step.trackConversions ? [step.id] : []));
