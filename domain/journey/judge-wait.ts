import { campaignScope } from '../campaign/campaign-scope.ts';
import type { CompiledCampaign } from '../campaign/compiled-campaign.ts';
import { evaluateCondition, type Facts } from '../condition/evaluate-condition.ts';
import type { Json } from '../json.ts';
import { redactJson } from '../request/redact.ts';
import type { ScopeInput } from '../scope.ts';

/** What a wait is judged on: the journey's own things, with `event` the one at hand. */
export type WaitSight = {
  compiled: CompiledCampaign;
  step: string;
  input: Omit<ScopeInput, 'campaign' | 'timezone'>;
  facts: Facts;
  now: Date;
};

export type JudgeWait = (sight: WaitSight) => Promise<{ holds: boolean; values: Json }>;

/** Whether what a `wait` step waits for is there: its condition holds, or its event is the right one; with the values that decided. */
export const judgeWait: JudgeWait = async ({ compiled, step: id, input, facts, now }) => {
  const step = compiled.step(id);
  const condition = step.type === 'wait' ? (step.until ?? step.where) : undefined;
  if (!condition) return { holds: true, values: {} };
  const { holds, values } = await evaluateCondition(condition, campaignScope(compiled.campaign, input), now, facts);
  // An answer may echo a secret that its request had.
  return { holds, values: redactJson(values, Object.values(input.secrets ?? {})) };
};
