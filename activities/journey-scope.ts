import { listAnswers } from '../db/deliveries.ts';
import { readSecrets } from '../db/secrets.ts';
import type { KeptAnswer } from '../domain/campaign/answers.ts';
import { buildScope, type Scope } from '../domain/scope.ts';
import type { Webhook } from '../domain/campaign/webhook.ts';
import type { CompiledCampaign } from './compiled-campaign.ts';
import type { PrepareContext } from './decision.ts';

/** What templates and conditions of a journey see. Secrets and earlier answers are read only where the campaign names them. */
export async function journeyScope(context: PrepareContext, delivery?: { id: string }): Promise<Scope> {
  const { tx, cipher, at, compiled, now } = context;
  const { campaign } = compiled;
  return buildScope({
    person: { id: at.person.id, attributes: at.person.attributes },
    event: at.event,
    trigger: at.broadcast?.data ?? null,
    campaign: { id: at.journey.campaignId, name: campaign.name ?? campaign.id },
    journey: { id: at.journey.id },
    delivery,
    secrets: compiled.namesSecrets ? await readSecrets(tx, cipher) : {},
    responses: compiled.answers.size > 0 ? await readAnswers(context) : {},
    now,
    timezone: campaign.timezone,
  });
}

async function readAnswers({ tx, cipher, at }: PrepareContext): Promise<Record<string, KeptAnswer>> {
  const rows = await listAnswers(tx, at.journey.id);
  return Object.fromEntries(
    rows.flatMap(({ id, stepId, answer }) =>
      stepId && answer ? [[stepId, JSON.parse(cipher.open(answer, answerRow(id))) as KeptAnswer]] : [],
    ),
  );
}

/** Where a kept answer stands, as the cipher binds it. */
export const answerRow = (delivery: string) => `deliveries/${delivery}/answer`;

/** The values of the secrets that a webhook may have used: what its log must not show. */
export function usedSecrets({ campaign }: CompiledCampaign, webhook: Webhook, scope: Scope): string[] {
  const templates = JSON.stringify([webhook, campaign.defaults]);
  return Object.entries(scope.secrets ?? {}).flatMap(([name, value]) =>
    templates.includes(name) && typeof value === 'string' ? [value] : [],
  );
}
