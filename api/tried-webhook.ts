import { z } from 'zod';
import type { Cipher } from '../db/cipher.ts';
import type { Db } from '../db/open.ts';
import { findWebhook } from '../db/webhooks.ts';
import { allSteps, type Campaign } from '../domain/campaign/campaign.ts';
import { campaignScope } from '../domain/campaign/campaign-scope.ts';
import type { StepOf } from '../domain/campaign/steps.ts';
import { validateWebhook } from '../domain/campaign/validate-webhook.ts';
import type { Webhook, WebhookDefaults } from '../domain/campaign/webhook.ts';
import type { DestinationRules } from '../domain/delivery/address.ts';
import { HooklineError, type InputFault } from '../domain/errors.ts';
import { hint } from '../domain/input/nearest.ts';
import { SIMULATED } from '../domain/journey/simulation.ts';
import { buildScope, type Scope } from '../domain/scope.ts';
import { assertDataFits } from './body.ts';
import { clientId } from './schemas.ts';
import {
  occasionOf,
  oneOf,
  readPublished,
  refuseFaults,
  tryOutFields,
  type SecretsFor,
  type Subject,
} from './try-out.ts';
import { noWebhook } from './webhooks.ts';

/** Which webhook is tried out, besides for whom and on what occasion. */
export const triedWebhookFields = {
  ...tryOutFields,
  webhook: z.unknown().optional(),
  webhookId: clientId.optional(),
  step: z.string().min(1).optional(),
};

type Body = z.infer<z.ZodObject<typeof triedWebhookFields>>;
export type TryOutDependencies = { db: Db; now: () => Date; cipher: Cipher; destinations: DestinationRules };

/** What a webhook is rendered from. */
export type TriedWebhook = { webhook: Webhook; defaults: WebhookDefaults; scope: Scope };

/** The person for whom it is rendered, the id that `delivery.id` prints, and what stands for secrets. */
type Rendering = { person: Subject; delivery: string; secretsFor: SecretsFor };

/** The faults of a body that does not say which webhook is meant, or for whom. */
export const triedWebhookFaults = (body: Body): InputFault[] => [
  ...oneOf(body, ['webhook', 'webhookId', 'campaign']),
  ...oneOf(body, ['person', 'customer']),
];

/** The webhook that is meant: one that came with the request, a stored one, or a step of a campaign. */
export function readTriedWebhook(
  dependencies: TryOutDependencies,
  body: Body,
  rendering: Rendering,
): Promise<TriedWebhook> {
  if (body.campaign !== undefined) return stepOfCampaign(dependencies, body, rendering, body.campaign);
  refuseStray(body, ['step', 'version'], 'is for campaign; leave it out');
  if (body.webhookId !== undefined) return storedWebhook(dependencies, body, rendering, body.webhookId);
  return loneWebhook(dependencies, body, rendering);
}

const refuseStray = (body: Body, names: (keyof Body)[], message: string): void =>
  refuseFaults(names.filter((name) => body[name] !== undefined).map((path) => ({ path, message })));

/** As it would be sent now. */
async function storedWebhook(
  dependencies: TryOutDependencies,
  body: Body,
  rendering: Rendering,
  id: string,
): Promise<TriedWebhook> {
  refuseStray(body, ['event'], 'never is there for a stored webhook; send trigger, the data of its send');
  const { trigger = {}, now = dependencies.now() } = body;
  assertDataFits(trigger);
  const stored = await findWebhook(dependencies.db, id);
  if (!stored) throw noWebhook(id);
  const secrets = await rendering.secretsFor(dependencies, stored.definition, true);
  const { person, delivery } = idsOf(rendering);
  return { webhook: stored.definition, defaults: {}, scope: buildScope({ person, delivery, trigger, secrets, now }) };
}

async function loneWebhook(dependencies: TryOutDependencies, body: Body, rendering: Rendering): Promise<TriedWebhook> {
  const { event, trigger, now = dependencies.now() } = body;
  const webhook = validateWebhook(body.webhook, 'webhook', dependencies.destinations);
  const secrets = await rendering.secretsFor(dependencies, webhook, false);
  const seen = event && { id: SIMULATED.event, name: 'event', timestamp: now, ...event };
  const scope = buildScope({ ...idsOf(rendering), event: seen ?? null, trigger: trigger ?? null, secrets, now });
  return { webhook, defaults: {}, scope };
}

async function stepOfCampaign(
  dependencies: TryOutDependencies,
  body: Body,
  rendering: Rendering,
  id: string,
): Promise<TriedWebhook> {
  const { campaign } = await readPublished(dependencies.db, id, body.version);
  const webhook = webhookOf(campaign, body.step);
  const { now = dependencies.now() } = body;
  const occasion = occasionOf(campaign.trigger, body, now);
  const secrets = await rendering.secretsFor(dependencies, campaign, true);
  const scope = campaignScope(campaign, { ...idsOf(rendering), ...occasion, secrets, now });
  return { webhook, defaults: campaign.defaults ?? {}, scope };
}

const idsOf = ({ person, delivery }: Rendering) => ({
  person,
  journey: { id: SIMULATED.journey },
  delivery: { id: delivery },
});

function webhookOf(campaign: Campaign, id: string | undefined): StepOf<'webhook'> {
  const webhooks = allSteps(campaign.steps).filter((step) => step.type === 'webhook');
  const found = webhooks.find((step) => step.id === id);
  if (found) return found;
  const known = webhooks.map((step) => step.id);
  const message = `${id === undefined ? 'is missing' : 'is no webhook of the campaign'}${hint(id ?? '', known)}`;
  throw new HooklineError('input.invalid', `step: ${message}`, { errors: [{ path: 'step', message }] });
}
