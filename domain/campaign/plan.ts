import type { Campaign } from './campaign.ts';
import { HooklineError } from '../errors.ts';
import { sendPolicy } from './send-policy.ts';
import type { Step } from './steps.ts';
import type { Plan, PlanStep } from '../walk.ts';
import type { WebhookDefaults } from './webhook.ts';

const MAX_BYTES = 16 * 1024;

/** What the workflow needs of a campaign: kinds, ids and durations. Throws `campaigns.invalid` if that is over 16 KiB as JSON. */
export function compilePlan(campaign: Pick<Campaign, 'steps' | 'defaults'>): Plan {
  const plan = { steps: compileSteps(campaign.steps, campaign.defaults) };
  const bytes = Buffer.byteLength(JSON.stringify(plan));
  if (bytes <= MAX_BYTES) return plan;
  const message = `have a plan of ${bytes} bytes, and ${MAX_BYTES} are allowed; use fewer steps or shorter ids`;
  throw new HooklineError('campaigns.invalid', `the campaign's steps ${message}`, {
    errors: [{ path: 'steps', message }],
  });
}

function compileSteps(steps: Step[], defaults: WebhookDefaults | undefined): PlanStep[] {
  return steps.map((step) => compileStep(step, defaults));
}

function compileStep(step: Step, defaults: WebhookDefaults | undefined): PlanStep {
  switch (step.type) {
    case 'delay':
    case 'update':
    case 'exit':
      return { type: step.type, id: step.id };
    case 'wait':
      return {
        type: 'wait',
        id: step.id,
        then: compileSteps(step.then ?? [], defaults),
        onTimeout: compileSteps(step.onTimeout ?? [], defaults),
      };
    case 'split':
      return { type: 'split', id: step.id, variants: step.variants.map(({ steps }) => compileSteps(steps, defaults)) };
    case 'webhook':
      return { type: 'webhook', id: step.id, timeoutMs: sendPolicy(step, defaults).timeoutMs };
    case 'branch':
      return {
        type: 'branch',
        id: step.id,
        cases: step.cases.map((one) => compileSteps(one.steps, defaults)),
        otherwise: compileSteps(step.otherwise ?? [], defaults),
      };
  }
}
