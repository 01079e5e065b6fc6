import { namedAnswers } from './answers.ts';
import { findStep, type Campaign } from './campaign.ts';
import { compileMapping, type CompiledMapping } from '../request/mapping.ts';
import { compileRequest, type CompiledRequest } from '../request/request.ts';
import type { Step, StepOf } from './steps.ts';

/** A published version with its templates parsed, each when it is first needed. */
export type CompiledCampaign = {
  campaign: Campaign;
  answers: ReturnType<typeof namedAnswers>;
  /** Whether any template reads a secret. */
  namesSecrets: boolean;
  step(id: string): Step;
  webhook(id: string): StepOf<'webhook'>;
  request(id: string): CompiledRequest;
  /** What the step sets on the person: of an `update`, or of a webhook's answer; null where it sets nothing. */
  mapping(id: string): CompiledMapping | null;
};

export function compileCampaign(campaign: Campaign): CompiledCampaign {
  const requests = new Map<string, CompiledRequest>();
  const mappings = new Map<string, CompiledMapping | null>();
  const step = (id: string) => {
    const found = findStep(campaign, id);
    if (!found) throw new Error(`campaign ${campaign.id} has no step ${id}`);
    return found;
  };
  const webhook = (id: string) => {
    const found = step(id);
    if (found.type !== 'webhook') throw new Error(`step ${id} is no webhook`);
    return found;
  };
  return {
    campaign,
    answers: namedAnswers(campaign),
    namesSecrets: JSON.stringify(campaign).includes('secrets'),
    step,
    webhook,
    request: (id) => kept(requests, id, () => compileRequest(webhook(id), campaign.defaults)),
    mapping: (id) =>
      kept(mappings, id, () => {
        const attributes = mappedAttributes(step(id));
        return attributes ? compileMapping(attributes) : null;
      }),
  };
}

function kept<T>(map: Map<string, T>, key: string, make: () => T): T {
  const value = map.has(key) ? (map.get(key) as T) : make();
  map.set(key, value);
  return value;
}

function mappedAttributes(step: Step): Record<string, string> | undefined {
  if (step.type === 'update') return step.attributes;
  return step.type === 'webhook' ? step.response?.attributes : undefined;
}
