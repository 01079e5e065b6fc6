import { campaignScope } from '../campaign/campaign-scope.ts';
import { findStep } from '../campaign/campaign.ts';
import type { CompiledCampaign } from '../campaign/compiled-campaign.ts';
import type { CompiledWebhook } from '../campaign/compiled-webhook.ts';
import { editWebhook, type Edited } from '../campaign/edit-webhook.ts';
import type { StepOf } from '../campaign/steps.ts';
import type { Webhook } from '../campaign/webhook.ts';
import type { DestinationRules } from '../delivery/address.ts';
import { HooklineError } from '../errors.ts';
import { buildScope, type ScopeInput } from '../scope.ts';
import { UNMAPPED, type MappingResult } from './map-answer.ts';
import { renderDraft } from './render-draft.ts';
import type { FrozenParts } from './render-delivery.ts';

/** What a draft is rendered from: a version's step or a stored webhook, what was edited, and its journey and person as of now. */
export type DraftSource = {
  id: string;
  edited: Edited | null;
  of: { campaign: CompiledCampaign; step: string } | { campaign: null; webhook: CompiledWebhook };
  input: Omit<ScopeInput, 'campaign' | 'timezone'>;
};

/** What takes the place of what a draft had. */
export type Rewritten = FrozenParts & { edited: Edited | null; mapping: MappingResult; timeoutMs: number };

/** Renders a draft with an operator's words in the place of what it had. Throws `webhooks.invalid`, or why it does not render. */
export const editDraft =
  (edit: unknown, rules: DestinationRules, options: { mayReadSecrets: boolean }) =>
  (draft: DraftSource): Rewritten => {
    const { webhook } = webhookOf(draft);
    const defaults = draft.of.campaign?.campaign.defaults;
    return rewritten(
      draft,
      editWebhook(edit, { step: webhook, before: draft.edited, defaults, rules, ...options }),
      rules,
    );
  };

/** Renders a draft again as its version's step has it; what was edited is given up. */
export const rerenderDraft =
  (rules: DestinationRules) =>
  (draft: DraftSource): Rewritten =>
    rewritten(draft, null, rules);

function rewritten(draft: DraftSource, edited: Edited | null, rules: DestinationRules): Rewritten {
  const { webhook: step, compiled } = webhookOf(draft);
  const campaign = draft.of.campaign?.campaign;
  const scope = campaign ? campaignScope(campaign, draft.input) : buildScope(draft.input);
  return {
    ...renderDraft({ step, edited, defaults: campaign?.defaults }, scope, rules),
    edited,
    mapping: compiled.mapping() ? { ...UNMAPPED, state: 'pending' } : UNMAPPED,
    timeoutMs: compiled.policy.timeoutMs,
  };
}

function webhookOf({ id, of }: DraftSource): { webhook: Webhook; compiled: CompiledWebhook } {
  if (!of.campaign) return { webhook: of.webhook.webhook, compiled: of.webhook };
  const found = findStep(of.campaign.campaign, of.step);
  if (found?.type === 'webhook') return { webhook: withoutPlace(found), compiled: of.campaign.webhook(of.step) };
  const message = `The campaign of "${id}" has no webhook "${of.step}" any more. Discard the draft, or publish the step again.`;
  throw new HooklineError('deliveries.step_gone', message);
}

function withoutPlace({ type: _type, id: _id, ...webhook }: StepOf<'webhook'>): Webhook {
  return webhook;
}
