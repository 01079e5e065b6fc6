import { readFile } from 'node:fs/promises';
import { allSteps, type Campaign, findStep, validateCampaign } from '../../domain/campaign/campaign.ts';
import { isJsonType } from '../../domain/request/body.ts';
import { compileRequest, type RenderedRequest } from '../../domain/request/request.ts';
import type { Webhook } from '../../domain/campaign/webhook.ts';
import { buildScope, type Scope, type ScopeInput } from '../../domain/scope.ts';
import { parseYaml } from '../../domain/input/yaml.ts';
import type { Json } from '../../domain/json.ts';

type Fields = Record<string, Json>;

/** Attributes of somebody, and the data of what they did. */
export type Entrant = { person: Fields; event?: Fields };

/** A whole request; `body` is parsed where it is sent as JSON. */
export type WholeRequest = Omit<RenderedRequest, 'body'> & { body: Json };

export const secrets = {
  bin_url: 'http://127.0.0.1:4000/bin',
  zendesk_email: 'agent@example.com',
  zendesk_token: 'zendesk-token',
  trello_key: 'trello-key',
  trello_token: 'trello-token',
  delighted_key: 'delighted-key',
  lob_key: 'test_lob-key',
  ifttt_key: 'ifttt-key',
  help_scout_key: 'help-scout-key',
  twilio_sid: 'AC0123456789',
  twilio_basic: 'QUMwMTIzNDU2Nzg5OnNlc2FtZQ==',
};

export async function readExample(name: string): Promise<{ campaign: Campaign; warnings: string[] }> {
  return validateCampaign(parseYaml(await readFile(`examples/${name}.yaml`, 'utf8')), name);
}

/** What the templates of an example see, late on 22 November 2026. */
export function scopeFor(campaign: Campaign, { person, event }: Entrant, more: Partial<ScopeInput> = {}): Scope {
  const { trigger, timezone } = campaign;
  const now = '2026-11-22T23:30:00.000Z';
  const name = trigger.type === 'event' ? trigger.event : '';
  return buildScope({
    person: { id: 'p1', attributes: person },
    event: trigger.type === 'event' ? { id: 'evt_1', name, timestamp: now, data: event ?? {} } : null,
    secrets,
    now,
    timezone: timezone ?? null,
    ...more,
  });
}

/** The whole request of a webhook of an example, its body parsed where it is sent as JSON, which it has to be then. */
export async function renderExample(
  name: string,
  step: string,
  entrant: Entrant,
  change: Partial<Webhook> = {},
): Promise<WholeRequest> {
  const { campaign } = await readExample(name);
  const found = findStep(campaign, step);
  if (found?.type !== 'webhook') throw new Error(`${name} has no webhook ${step}`);
  const request = compileRequest({ ...found, ...change }, campaign.defaults).render(scopeFor(campaign, entrant));
  const contentType = request.headers.find(([header]) => header === 'Content-Type')?.[1] ?? '';
  const body: Json = isJsonType(contentType) ? JSON.parse(request.body ?? '') : request.body;
  return { ...request, body };
}

/** RFC 7617. */
export const basic = (user: string, password: string): [string, string] => [
  'Authorization',
  `Basic ${Buffer.from(`${user}:${password}`).toString('base64')}`,
];

export const asJson: [string, string] = ['Content-Type', 'application/json'];
export const asForm: [string, string] = ['Content-Type', 'application/x-www-form-urlencoded'];

/** URLs of all webhooks, as templates. */
export const urlsOf = ({ steps }: Campaign): string[] =>
  allSteps(steps).flatMap((step) => (step.type === 'webhook' ? [step.url] : []));
