import { type CompiledBody, compileBody, fullContentType } from './body.ts';
import type { HooklineError } from '../errors.ts';
import {
  checkedValue,
  type CompiledHeader,
  compileHeaders,
  findHeader,
  mergeHeaders,
  renderHeaders,
} from './headers.ts';
import { failedAt, type Rendering, type Secretless, startRendering } from './rendering.ts';
import type { Scope } from '../scope.ts';
import { compileTemplate } from '../template.ts';
import { basicAuthorization, type CompiledUrl, compileUrl } from './url-template.ts';
import type { Webhook, WebhookDefaults } from '../campaign/webhook.ts';

/** What is sent, but for the headers that the sender adds; `missing` names the variables that printed nothing. */
export type RenderedRequest = {
  method: string;
  url: string;
  headers: [name: string, value: string][];
  body: string | null;
  missing: string[];
};

/** The request, or null and every problem that it has. `missing` also names what the failed parts miss. */
export type Inspection = { request: RenderedRequest | null; missing: string[]; problems: HooklineError[] };

/** A webhook whose templates are parsed, to be rendered for many people. */
export type CompiledRequest = {
  /** Throws the first problem. */
  render(scope: Scope): RenderedRequest;
  inspect(scope: Scope, isSecretless?: Secretless): Inspection;
};

type Auth = NonNullable<Webhook['auth']>;
type CompiledAuth = (rendering: Rendering) => string;
type Parts = { url: CompiledUrl; headers: CompiledHeader[]; body: CompiledBody | null; auth: Authorization };

/** Strongest first: the webhook's `auth`, its Authorization header, userinfo in its URL, then the defaults. */
type Authorization = { own: CompiledAuth | null; ownHeader: boolean; inherited: CompiledAuth | null };

const MAX_BODY_BYTES = 256 * 1024;

/**
 * Compiles a webhook in which `webhookFaults` finds nothing. Rendering throws `render.template`, `render.missing_variable`,
 * `render.invalid_url`, `render.invalid_header`, `render.invalid_json`, `render.too_large` or `delivery.host_not_allowed`,
 * each with its place.
 */
export function compileRequest(webhook: Webhook, defaults: WebhookDefaults = {}): CompiledRequest {
  const { method = 'POST', allowHosts = [] } = webhook;
  const ownHeader = findHeader(Object.entries(webhook.headers ?? {}), 'authorization') !== undefined;
  const parts: Parts = {
    url: compileUrl(webhook.url, allowHosts),
    headers: compileHeaders(mergeHeaders(webhook.headers, defaults.headers)),
    body: webhook.body === undefined ? null : compileBody(webhook.body),
    auth: {
      own: webhook.auth ? compileAuth(webhook.auth) : null,
      ownHeader,
      inherited: defaults.auth ? compileAuth(defaults.auth) : null,
    },
  };
  const inspect = (scope: Scope, isSecretless?: Secretless): Inspection => {
    const rendering = startRendering(scope, isSecretless);
    const rendered = renderParts(parts, rendering);
    const { problems } = rendering;
    const missing = [...rendering.missing];
    return { request: problems.length === 0 ? { method, ...rendered, missing } : null, missing, problems };
  };
  return {
    inspect,
    render(scope) {
      const { request, problems } = inspect(scope);
      if (request) return request;
      throw problems[0] ?? new Error('a request did not render, without a problem');
    },
  };
}

/** Each part for itself: what stands for one that fails is never sent. */
function renderParts(parts: Parts, rendering: Rendering): Pick<RenderedRequest, 'url' | 'headers' | 'body'> {
  const target = rendering.part(() => parts.url.render(rendering));
  const url = target?.url ?? '';
  const rendered = renderHeaders(parts.headers, rendering);
  const authorization = rendering.part(() => authorizationOf(parts.auth, target?.authorization ?? null, rendering));
  const headers = rendered
    .filter(([name]) => authorization === null || name.toLowerCase() !== 'authorization')
    .map(([name, value]): [string, string] => (isContentType(name) ? [name, fullContentType(value)] : [name, value]));
  if (authorization !== null) headers.push(['Authorization', authorization]);
  const compiled = parts.body;
  const typeFailed = parts.headers.some(({ name }) => isContentType(name)) && !findHeader(headers, 'content-type');
  if (!compiled || typeFailed) return { url, headers, body: null };

  const given = findHeader(headers, 'content-type')?.[1];
  const contentType = given === undefined || given === '' ? compiled.contentType : given;
  const body = rendering.part(() => checkedBody(compiled.render(rendering, contentType)));
  return { url, headers: [...headers.filter(([name]) => !isContentType(name)), ['Content-Type', contentType]], body };
}

function checkedBody(body: string): string {
  const bytes = Buffer.byteLength(body);
  if (bytes <= MAX_BODY_BYTES) return body;
  throw failedAt('render.too_large', 'body', `the result has ${bytes} bytes; a body may have ${MAX_BODY_BYTES}`);
}

function authorizationOf(
  { own, ownHeader, inherited }: Authorization,
  userinfo: string | null,
  rendering: Rendering,
): string | null {
  if (own) return own(rendering);
  if (ownHeader) return null;
  return userinfo ?? inherited?.(rendering) ?? null;
}

function compileAuth(auth: Auth): CompiledAuth {
  if ('bearer' in auth) {
    const token = compileTemplate(auth.bearer);
    return (rendering) => checkedValue(`Bearer ${rendering.text(token, 'auth.bearer')}`, 'auth.bearer');
  }
  const username = compileTemplate(auth.basic.username);
  const password = compileTemplate(auth.basic.password);
  return (rendering) => {
    const user = rendering.text(username, 'auth.basic.username');
    if (user.includes(':')) {
      throw failedAt('render.invalid_header', 'auth.basic.username', 'the value has a colon, which ends the user name');
    }
    return basicAuthorization(user, rendering.text(password, 'auth.basic.password'));
  };
}

const isContentType = (name: string) => name.toLowerCase() === 'content-type';
