import { editWebhook, type Edited } from '../campaign/edit-webhook.ts';
import { campaignScope } from '../campaign/campaign-scope.ts';
import type { CompiledCampaign } from '../campaign/compiled-campaign.ts';
import { findStep } from '../campaign/campaign.ts';
import { sendPolicy } from '../campaign/send-policy.ts';
import type { StepOf } from '../campaign/steps.ts';
import type { Webhook } from '../campaign/webhook.ts';
import type { DestinationRules } from '../delivery/address.ts';
import { HooklineError } from '../errors.ts';
import type { ScopeInput } from '../scope.ts';
import { UNMAPPED, type MappingResult } from './map-answer.ts';
import { renderDraft } from './render-draft.ts';
import type { FrozenParts } from './render-delivery.ts';

/** What a draft is rendered from: a version's step, what was edited, and its journey and person as of now. */
export type DraftSource = {
  id: string;
  step: string;
  edited: Edited | null;
  compiled: CompiledCampaign;
  input: Omit<ScopeInput, 'campaign' | 'timezone'>;
};

/** What takes the place of what a draft had. */
export type Rewritten = FrozenParts & { edited: Edited | null; mapping: MappingResult; timeoutMs: number };

/** Renders a draft with an operator's words in the place of what it had. Throws `webhooks.invalid`, or why it does not render. */
export const editDraft =
  (edit: unknown, rules: DestinationRules, options: { mayReadSecrets: boolean }) =>
  (draft: DraftSource): Rewritten => {
    const webhook = webhookOf(draft);
    const { defaults } = draft.compiled.campaign;
    const edited = editWebhook(edit, { step: webhook, before: draft.edited, defaults, rules, ...options });
    return rewritten(draft, webhook, edited, rules);
  };

/** Renders a draft again as its version's step has it; what was edited is given up. */
export const rerenderDraft =
  (rules: DestinationRules) =>
  (draft: DraftSource): Rewritten =>
    rewritten(draft, webhookOf(draft), null, rules);

function rewritten(draft: DraftSource, step: Webhook, edited: Edited | null, rules: DestinationRules): Rewritten {
  const { campaign } = draft.compiled;
  const scope = campaignScope(campaign, draft.input);
  return {
    ...renderDraft({ step, edited, defaults: campaign.defaults }, scope, rules),
    edited,
    mapping: draft.compiled.mapping(draft.step) ? { ...UNMAPPED, state: 'pending' } : UNMAPPED,
    timeoutMs: sendPolicy(step, campaign.defaults).timeoutMs,
  };
}

function webhookOf({ id, step, compiled }: DraftSource): Webhook {
  const found = findStep(compiled.campaign, step);
  if (found?.type === 'webhook') return withoutPlace(found);
  const message = `The campaign of "${id}" has no webhook "${step}" any more. Discard the draft, or publish the step again.`;
  throw new HooklineError('deliveries.step_gone', message);
}

function withoutPlace({ type: _type, id: _id, ...webhook }: StepOf<'webhook'>): Webhook {
  return webhook;
}
