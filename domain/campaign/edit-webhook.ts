import type { DestinationRules } from '../delivery/address.ts';
import type { InputFault } from '../errors.ts';
import { placeOf } from '../input/faults.ts';
import { secretFaults, templatesOf } from '../request/request-faults.ts';
import type { Secretless } from '../request/rendering.ts';
import { isRecord } from '../json.ts';
import { inspectWebhook, invalidWebhook } from './validate-webhook.ts';
import { REQUEST_FIELDS, webhookFields, type RequestFields, type Webhook, type WebhookDefaults } from './webhook.ts';

/**
 * A draft's own request fields, in the place of those of its step. `secretless` names the parts of them that were written by who may
 * not read secrets (`url`, `auth`, `body`, `headers.x-team`): they are rendered without any.
 */
export type Edited = { webhook: RequestFields; secretless: string[] };

export type EditContext = {
  /** The step that the draft was rendered from, and what was edited since. */
  step: Webhook;
  before: Edited | null;
  defaults: WebhookDefaults | undefined;
  rules: DestinationRules;
  /** Whether the editor could publish a campaign, whose templates see the secrets. */
  mayReadSecrets: boolean;
};

const PATH = 'webhook';
const FIXED = `stays as the version has it; only ${REQUEST_FIELDS.join(', ')} can be edited`;
const NOT_YOURS = 'an edit may name secrets only with a key that has the scope admin; leave this part as it is';

/**
 * Puts the given request fields in the place of a draft's: a header takes that of its name, `null` removes one, or a field. What is
 * given as it is already is not edited, but becomes the word of an editor who may read secrets. Throws `webhooks.invalid` with every
 * fault in one pass, as for a webhook that is saved.
 */
export function editWebhook(input: unknown, { step, before, defaults, rules, mayReadSecrets }: EditContext): Edited {
  const { webhook: old, secretless } = before ?? { webhook: requestFields(step), secretless: [] };
  if (!isRecord(input)) throw invalidWebhook([{ path: PATH, message: 'is missing; write the fields to edit' }]);
  const merged = mergedFields(old, input);
  const { valid, rest, errors } = inspectWebhook({ ...withoutRequest(step), ...merged }, PATH, rules, defaults);
  const edited = rest ? editedParts(old, rest) : new Set<string>();
  const faults = [
    ...Object.keys(input)
      .filter(isFixed)
      .map((name) => ({ path: `${PATH}.${name}`, message: FIXED })),
    ...(mayReadSecrets || !rest ? [] : namedSecrets(rest, edited)),
    ...errors,
  ];
  if (!valid || faults.length > 0) throw invalidWebhook(faults);
  const kept = partsOf(valid);
  const given = givenParts(input);
  const written = mayReadSecrets ? secretless.filter((part) => !given.has(part)) : [...secretless, ...edited];
  return { webhook: requestFields(valid), secretless: [...new Set(written)].filter((part) => kept.has(part)) };
}

/** The step with the request fields that were edited. */
export const withEdits = (step: Webhook, edited: Edited | null): Webhook =>
  edited ? { ...withoutRequest(step), ...edited.webhook } : step;

/** By the places that rendering has: `headers.X-Team`, `auth.basic.username`, `body.json.items[0]`. */
export function secretlessIn({ secretless }: Edited): Secretless {
  const parts = new Set(secretless);
  return (place) => parts.has(place.startsWith('headers.') ? place.toLowerCase() : (/^\w+/.exec(place)?.[0] ?? ''));
}

function mergedFields(old: RequestFields, edit: Record<string, unknown>): Record<string, unknown> {
  const headers = isRecord(edit['headers']) ? mergedHeaders(old.headers ?? {}, edit['headers']) : edit['headers'];
  const all = { ...old, ...edit, ...('headers' in edit && { headers }) };
  return Object.fromEntries(
    Object.entries(all).filter(([name, value]) => !isFixed(name) && !(value === null && isRequestField(name))),
  );
}

function mergedHeaders(old: Record<string, string>, edit: Record<string, unknown>): Record<string, unknown> {
  const names = new Set(Object.keys(edit).map((name) => name.toLowerCase()));
  const kept = Object.entries(old).filter(([name]) => !names.has(name.toLowerCase()));
  return Object.fromEntries([...kept, ...Object.entries(edit).filter(([, value]) => value !== null)]);
}

const isRequestField = (name: string) => REQUEST_FIELDS.some((field) => field === name);
const isFixed = (name: string) => !isRequestField(name) && Object.hasOwn(webhookFields, name);

const requestFields = ({ method, url, auth, headers, body }: Webhook): RequestFields => ({
  ...(method !== undefined && { method }),
  url,
  ...(auth !== undefined && { auth }),
  ...(headers !== undefined && { headers }),
  ...(body !== undefined && { body }),
});

function withoutRequest(step: Webhook): Omit<Webhook, keyof RequestFields> {
  const { method: _method, url: _url, auth: _auth, headers: _headers, body: _body, ...rest } = step;
  return rest;
}

/** Each part as it was written; the method is no template. */
function partsOf({ url, auth, headers = {}, body }: RequestFields): Map<string, string> {
  const all = Object.entries({ url, auth, body, ...prefixed(headers) });
  return new Map(all.flatMap(([part, value]) => (value === undefined ? [] : [[part, JSON.stringify(value)]])));
}

const prefixed = (headers: Record<string, string>) =>
  Object.fromEntries(Object.entries(headers).map(([name, value]) => [partOfHeader(name), value]));

const partOfHeader = (name: string) => `headers.${name.toLowerCase()}`;

const givenParts = ({ headers, ...fields }: Record<string, unknown>) =>
  new Set([...Object.keys(fields), ...(isRecord(headers) ? Object.keys(headers).map(partOfHeader) : [])]);

function editedParts(old: RequestFields, webhook: RequestFields): Set<string> {
  const before = partsOf(old);
  const changed = [...partsOf(webhook)].filter(([part, text]) => before.get(part) !== text);
  return new Set(changed.map(([part]) => part));
}

function namedSecrets(webhook: Webhook, edited: Set<string>): InputFault[] {
  return templatesOf(webhook)
    .filter(({ at: [field, name] }) => edited.has(field === 'headers' ? partOfHeader(String(name)) : String(field)))
    .flatMap(({ at, source }) =>
      secretFaults(source, NOT_YOURS).map((message) => ({ path: placeOf(at, PATH), message })),
    );
}
