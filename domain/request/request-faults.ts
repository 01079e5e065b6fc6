import type { DestinationRules } from '../delivery/address.ts';
import { type Body, contentTypeFault, isJsonType } from './body.ts';
import type { InputFault } from '../errors.ts';
import { placeOf } from '../input/faults.ts';
import { findHeader, headerNameFault, headerValueFault, mergeHeaders } from './headers.ts';
import { jsonFault } from './json-fault.ts';
import type { Json } from '../json.ts';
import { templateFaults, templateVariables } from '../template.ts';
import { allowHostFault, hasUserinfo, urlFaults } from './url-template.ts';
import type { Webhook, WebhookDefaults } from '../campaign/webhook.ts';

const MAX_BYTES = 256 * 1024;

/** A template with its place in the webhook. */
type Placed = { at: PropertyKey[]; source: string };

/**
 * All that is wrong with a webhook that fits its schema: templates (`line L, column C: …`), headers, URL, secrets outside of URL,
 * auth, headers and body, more than 256 KiB of templates. The defaults have been checked by themselves.
 * @param rules judge a literal URL, where they are known.
 */
export function webhookFaults(
  webhook: Webhook,
  path: string,
  defaults: WebhookDefaults = {},
  rules?: DestinationRules,
): InputFault[] {
  const templates = templatesOf(webhook);
  const at =
    (keys: PropertyKey[]) =>
    (message: string): InputFault => ({ path: placeOf(keys, path), message });
  const mapped = webhook.response?.attributes ?? {};
  const bytes = [...templates.map(({ source }) => source), ...Object.values(mapped)].reduce(
    (sum, source) => sum + Buffer.byteLength(source),
    0,
  );
  return [
    ...templates.flatMap(({ at: keys, source }) => placedFaults(source).map(at(keys))),
    ...mappingFaults(mapped, placeOf(['response', 'attributes'], path)),
    ...(bytes > MAX_BYTES ? [at([])(`has ${bytes} bytes of templates; a webhook may have ${MAX_BYTES}`)] : []),
    ...(webhook.allowHosts ?? []).flatMap((entry, index) =>
      listed(allowHostFault(entry)).map(at(['allowHosts', index])),
    ),
    ...(isValid(webhook.url) ? urlFaults(webhook.url, webhook.allowHosts ?? [], rules).map(at(['url'])) : []),
    ...headerFaults(webhook.headers ?? {}).map(({ name, message }) => at(['headers', name])(message)),
    ...authFaults(webhook).map(at(['auth'])),
    ...bodyFaults(webhook, defaults).map(({ keys, message }) => at(keys)(message)),
  ];
}

/** Faults of templates that set attributes: in `response.attributes`, or in an `update` step. */
export function mappingFaults(attributes: Record<string, string>, path: string): InputFault[] {
  return Object.entries(attributes).flatMap(([name, source]) =>
    [...listed(attributeNameFault(name)), ...placedFaults(source), ...secretFaults(source)].map((message) => ({
      path: placeOf([name], path),
      message,
    })),
  );
}

function attributeNameFault(name: string): string | null {
  return name === 'id' || name === '__proto__' ? 'cannot be set; choose another name for the attribute' : null;
}

/** The templates of the request itself. */
export function templatesOf({ url, auth, headers, body }: Webhook): Placed[] {
  return [
    ...strings(url, ['url']),
    ...strings(auth, ['auth']),
    ...strings(headers, ['headers']),
    ...strings(body, ['body']),
  ];
}

function strings(value: Json | undefined, at: PropertyKey[]): Placed[] {
  if (typeof value === 'string') return [{ at, source: value }];
  if (typeof value !== 'object' || value === null) return [];
  if (Array.isArray(value)) return value.flatMap((item, index) => strings(item, [...at, index]));
  return Object.entries(value).flatMap(([key, item]) => strings(item, [...at, key]));
}

const placedFaults = (source: string): string[] =>
  templateFaults(source).map(({ line, column, message }) => `line ${line}, column ${column}: ${message}`);

/** The log and the person keep what a mapping sets, so it reads no secrets. */
const OPEN_TO_ALL = 'secrets are for URL, auth, headers and body; use another value here';

/** Each place where a template names a secret. A name may also be computed, which nothing finds here. */
export function secretFaults(source: string, reason = OPEN_TO_ALL): string[] {
  if (!source.includes('secrets') || !isValid(source)) return [];
  return templateVariables(source)
    .filter(({ path }) => path[0] === 'secrets')
    .map(({ line, column }) => `line ${line}, column ${column}: ${reason}`);
}

function headerFaults(headers: Record<string, string>): { name: string; message: string }[] {
  const seen = new Map<string, string>();
  return Object.entries(headers).flatMap(([name, source]) => {
    const first = seen.get(name.toLowerCase());
    seen.set(name.toLowerCase(), name);
    const isLiteral = !/\{[{%]/.test(source);
    return [
      ...listed(headerNameFault(name)),
      ...listed(first === undefined ? null : `is the same header as ${first}; keep one of them`),
      ...listed(isLiteral ? headerValueFault(source) : null),
    ].map((message) => ({ name, message }));
  });
}

function authFaults({ auth, headers = {}, url }: Webhook): string[] {
  const ways = [
    auth && 'auth',
    findHeader(Object.entries(headers), 'authorization') && 'the header Authorization',
    isValid(url) && hasUserinfo(url) && 'user:password@ in the URL',
  ].filter((way) => typeof way === 'string');
  return ways.length > 1 ? [`says who sends it in ${ways.length} ways: ${ways.join(', ')}; keep one of them`] : [];
}

function bodyFaults({ body, headers }: Webhook, defaults: WebhookDefaults): { keys: PropertyKey[]; message: string }[] {
  if (body === undefined) return [];
  const header = findHeader(mergeHeaders(headers, defaults.headers), 'content-type');
  if (header && /\{[{%]/.test(header[1])) return [];
  const contradiction = header ? contentTypeFault(body, header[1]) : null;
  return [
    ...listed(contradiction).map((message) => ({ keys: ['headers', header?.[0] ?? 'Content-Type'], message })),
    ...listed(literalFault(body, header?.[1] ?? 'application/json')).map((message) => ({ keys: ['body'], message })),
  ];
}

/** A raw text without Liquid is known now: it has to be JSON if it is sent as such. */
function literalFault(body: Body, contentType: string): string | null {
  const text = typeof body === 'string' ? body : 'text' in body ? body.text : null;
  if (text === null || /\{[{%]/.test(text) || !isJsonType(contentType)) return null;
  const fault = jsonFault(text);
  if (!fault) return null;
  const { line, column, message } = fault;
  return `line ${line}, column ${column}: ${message}; the body is sent as JSON, unless a Content-Type header says otherwise`;
}

const isValid = (source: string) => templateFaults(source).length === 0;
const listed = (fault: string | null): string[] => (fault === null ? [] : [fault]);
