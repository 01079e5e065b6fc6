import { allSteps, type Campaign } from '../campaign/campaign.ts';
import { campaignScope } from '../campaign/campaign-scope.ts';
import { evaluateCondition, type Facts, type Judgement } from '../condition/evaluate-condition.ts';
import type { ScopeInput } from '../scope.ts';

type AtGoal = Pick<ScopeInput, 'person' | 'event' | 'trigger' | 'journey'> & { now: Date };

/** Whether an event of the goal's name, in its time, is the goal of a journey. */
export async function judgeGoal(campaign: Campaign, at: AtGoal, facts: Facts): Promise<Judgement> {
  const { goal } = campaign;
  if (!goal?.where) return { holds: goal !== undefined, values: {} };
  return evaluateCondition(goal.where, campaignScope(campaign, at), at.now, facts);
}

/** The webhooks that a conversion may be credited to: the last of them that was sent. */
export const trackingSteps = ({ steps }: Campaign): string[] =>
  allSteps(steps).flatMap((step) => (step.type === 'webhook' && step.trackConversions ? [step.id] : []));
