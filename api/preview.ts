import { z } from 'zod';
import type { Cipher } from '../db/cipher.ts';
import type { Db } from '../db/open.ts';
import { findWebhook } from '../db/webhooks.ts';
import { allSteps, type Campaign } from '../domain/campaign/campaign.ts';
import { campaignScope } from '../domain/campaign/campaign-scope.ts';
import type { StepOf } from '../domain/campaign/steps.ts';
import { validateWebhook } from '../domain/campaign/validate-webhook.ts';
import type { DestinationRules } from '../domain/delivery/address.ts';
import { HooklineError } from '../domain/errors.ts';
import { hint } from '../domain/input/nearest.ts';
import { SIMULATED } from '../domain/journey/simulation.ts';
import { previewRequest } from '../domain/request/preview.ts';
import { compileRequest } from '../domain/request/request.ts';
import { buildScope } from '../domain/scope.ts';
import { assertDataFits } from './body.ts';
import { shownRequest } from './shown-delivery.ts';
import { route, type Route } from './route.ts';
import { clientId, noParams, noQuery } from './schemas.ts';
import {
  occasionOf,
  oneOf,
  readPublished,
  readSubject,
  refuseFaults,
  secretsFor,
  tryOutFields,
  type Subject,
} from './try-out.ts';
import { noWebhook } from './webhooks.ts';

const previewBody = z.strictObject({
  ...tryOutFields,
  webhook: z.unknown().optional(),
  webhookId: clientId.optional(),
  step: z.string().min(1).optional(),
});

type Body = z.infer<typeof previewBody>;
type Dependencies = { db: Db; cipher: Cipher; destinations: DestinationRules };

/** Renders a webhook for one person and says all that is wrong with it; nothing is sent or stored. */
export const previewRoutes = (dependencies: Dependencies): Route[] => [
  route({
    method: 'post',
    path: '/v1/webhooks/preview',
    scope: 'operate',
    params: noParams,
    query: noQuery,
    body: previewBody,
    yaml: true,
    handle: async ({ body }) => {
      refuseFaults([...oneOf(body, ['webhook', 'webhookId', 'campaign']), ...oneOf(body, ['person', 'customer'])]);
      const person = await readSubject(dependencies.db, body);
      const { compiled, scope } = await meant(dependencies, body, person);
      const { request, missing, problems } = previewRequest(compiled, scope, dependencies.destinations);
      return { status: 200, body: { request: request && shownRequest(request), missing, problems } };
    },
  }),
];

const IDS = { journey: { id: SIMULATED.journey }, delivery: { id: SIMULATED.delivery(1) } };

function meant(dependencies: Dependencies, body: Body, person: Subject) {
  if (body.campaign !== undefined) return stepOfCampaign(dependencies, body, person, body.campaign);
  refuseStray(body, ['step', 'version'], 'is for campaign; leave it out');
  if (body.webhookId !== undefined) return storedWebhook(dependencies, body, person, body.webhookId);
  return loneWebhook(dependencies, body, person);
}

function refuseStray(body: Body, names: (keyof Body)[], message: string): void {
  refuseFaults(names.filter((name) => body[name] !== undefined).map((path) => ({ path, message })));
}

/** As it would be sent now. */
async function storedWebhook(dependencies: Dependencies, body: Body, person: Subject, id: string) {
  refuseStray(body, ['event'], 'never is there for a stored webhook; send trigger, the data of its send');
  const { trigger = {}, now = new Date() } = body;
  assertDataFits(trigger);
  const webhook = await findWebhook(dependencies.db, id);
  if (!webhook) throw noWebhook(id);
  const secrets = await secretsFor(dependencies, webhook.definition, true);
  const scope = buildScope({ delivery: IDS.delivery, person, trigger, secrets, now });
  return { compiled: compileRequest(webhook.definition), scope };
}

async function loneWebhook(dependencies: Dependencies, body: Body, person: Subject) {
  const { event, trigger, now = new Date() } = body;
  const webhook = validateWebhook(body.webhook, 'webhook', dependencies.destinations);
  const secrets = await secretsFor(dependencies, webhook, false);
  const seen = event && { id: SIMULATED.event, name: 'event', timestamp: now, ...event };
  const scope = buildScope({ ...IDS, person, event: seen ?? null, trigger: trigger ?? null, secrets, now });
  return { compiled: compileRequest(webhook), scope };
}

async function stepOfCampaign(dependencies: Dependencies, body: Body, person: Subject, id: string) {
  const { campaign } = await readPublished(dependencies.db, id, body.version);
  const webhook = webhookOf(campaign, body.step);
  const { now = new Date() } = body;
  const secrets = await secretsFor(dependencies, campaign, true);
  const scope = campaignScope(campaign, { ...IDS, person, ...occasionOf(campaign.trigger, body, now), secrets, now });
  return { compiled: compileRequest(webhook, campaign.defaults), scope };
}

function webhookOf(campaign: Campaign, id: string | undefined): StepOf<'webhook'> {
  const webhooks = allSteps(campaign.steps).filter((step) => step.type === 'webhook');
  const found = webhooks.find((step) => step.id === id);
  if (found) return found;
  const known = webhooks.map((step) => step.id);
  const message = `${id === undefined ? 'is missing' : 'is no webhook of the campaign'}${hint(id ?? '', known)}`;
  throw new HooklineError('input.invalid', `step: ${message}`, { errors: [{ path: 'step', message }] });
}
