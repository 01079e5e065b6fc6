import { namedAnswers, namesEvents } from './answers.ts';
import { allSteps, findStep, type Campaign } from './campaign.ts';
import { compileWebhook, type CompiledWebhook } from './compiled-webhook.ts';
import { compileMapping, type CompiledMapping } from '../request/mapping.ts';
import type { Step } from './steps.ts';

/** A published version with its templates parsed, each when it is first needed. */
export type CompiledCampaign = {
  campaign: Campaign;
  /** Whether any template or condition reads the answer to an earlier webhook. */
  namesAnswers: boolean;
  /** Whether any reads an event that ended an earlier wait. */
  namesEvents: boolean;
  /** Whether a journey ever waits for what the person does, so that its place in their order matters. */
  waits: boolean;
  /** Whether any template reads a secret. */
  namesSecrets: boolean;
  step(id: string): Step;
  webhook(id: string): CompiledWebhook;
  /** What an `update` step sets on the person. */
  update(id: string): CompiledMapping;
};

export function compileCampaign(campaign: Campaign): CompiledCampaign {
  const { defaults } = campaign;
  const answers = namedAnswers(campaign);
  const webhooks = new Map<string, CompiledWebhook>();
  const updates = new Map<string, CompiledMapping>();
  const step = (id: string) => {
    const found = findStep(campaign, id);
    if (!found) throw new Error(`campaign ${campaign.id} has no step ${id}`);
    return found;
  };
  return {
    campaign,
    namesAnswers: answers.size > 0,
    namesEvents: namesEvents(campaign),
    waits: allSteps(campaign.steps).some(({ type }) => type === 'wait'),
    namesSecrets: JSON.stringify(campaign).includes('secrets'),
    step,
    webhook: (id) =>
      kept(webhooks, id, () => {
        const found = step(id);
        if (found.type !== 'webhook') throw new Error(`step ${id} is no webhook`);
        return compileWebhook(id, found, { defaults, answerFields: answers.get(id) });
      }),
    update: (id) =>
      kept(updates, id, () => {
        const found = step(id);
        if (found.type !== 'update') throw new Error(`step ${id} is no update`);
        return compileMapping(found.attributes);
      }),
  };
}

function kept<T>(map: Map<string, T>, key: string, make: () => T): T {
  const value = map.get(key) ?? make();
  map.set(key, value);
  return value;
}
