import { type CompiledBody, compileBody, fullContentType } from './body.ts';
import { HooklineError } from '../errors.ts';
import {
  checkedValue,
  type CompiledHeader,
  compileHeaders,
  findHeader,
  mergeHeaders,
  renderHeaders,
} from './headers.ts';
import { type Rendering, startRendering } from './rendering.ts';
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

/** A webhook whose templates are parsed, to be rendered for many people. */
export type CompiledRequest = { render(scope: Scope): RenderedRequest };

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
  return {
    render(scope) {
      const rendering = startRendering(scope);
      return { method, ...renderParts(parts, rendering), missing: [...rendering.missing] };
    },
  };
}

function renderParts(parts: Parts, rendering: Rendering): Pick<RenderedRequest, 'url' | 'headers' | 'body'> {
  const { url, authorization: userinfo } = parts.url.render(rendering);
  const rendered = renderHeaders(parts.headers, rendering);
  const authorization = authorizationOf(parts.auth, userinfo, rendering);
  const headers = rendered
    .filter(([name]) => authorization === null || name.toLowerCase() !== 'authorization')
    .map(([name, value]): [string, string] => (isContentType(name) ? [name, fullContentType(value)] : [name, value]));
  if (authorization !== null) headers.push(['Authorization', authorization]);
  if (!parts.body) return { url, headers, body: null };

  const given = findHeader(headers, 'content-type')?.[1];
  const contentType = given === undefined || given === '' ? parts.body.contentType : given;
  const body = parts.body.render(rendering, contentType);
  const bytes = Buffer.byteLength(body);
  if (bytes > MAX_BODY_BYTES) {
    throw new HooklineError(
      'render.too_large',
      `body: the result has ${bytes} bytes; a body may have ${MAX_BODY_BYTES}`,
    );
  }
  return { url, headers: [...headers.filter(([name]) => !isContentType(name)), ['Content-Type', contentType]], body };
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
      throw new HooklineError(
        'render.invalid_header',
        'auth.basic.username: the value has a colon, which ends the user name',
      );
    }
    return basicAuthorization(user, rendering.text(password, 'auth.basic.password'));
  };
}

const isContentType = (name: string) => name.toLowerCase() === 'content-type';
