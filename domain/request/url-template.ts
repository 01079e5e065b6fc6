import { AssignTag, CaptureTag, CommentTag, InlineCommentTag, type Template, TypeGuards } from 'liquidjs';
import { type DestinationRules, judgeUrl } from '../delivery/address.ts';
import { failedAt, type Rendering } from './rendering.ts';
import { compileTemplate, type CompiledTemplate, readsOnly } from '../template.ts';
import { isUrlSafe } from '../liquid/engine.ts';

const MAX_URL = 16 * 1024;
const OUTPUT = '\0';
const TAG = '\x01';
/** Scheme, userinfo, host and port of a URL, as lenient about slashes as WHATWG's parser. */
const UP_TO_HOST = /^(?:[^/?#\\\0\x01]*:[/\\]{2}|\0:?\/\/)?[^/?#\\]*/;
const DOT_SEGMENT = /[/\\](?:\.|%2e){1,2}(?=[/\\?#]|$)/i;

/** Where a URL's host comes from: the text itself, secrets, or other variables, which `allowHosts` must list. */
type HostSource = 'text' | 'secrets' | 'variables';

export type CompiledUrl = { render(rendering: Rendering): { url: string; authorization: string | null } };

/**
 * What is wrong with a valid URL template: a host that a person's data could choose (`webhooks.host_not_allowed`), or a literal
 * one that no request may have.
 */
export function urlFaults(source: string, allowHosts: string[], rules?: DestinationRules): string[] {
  const { from, sample } = hostOf(compileTemplate(source, { mode: 'url' }));
  if (from === 'variables' && allowHosts.length === 0) {
    return [
      'webhooks.host_not_allowed: only a secret may be the host or port; write the host out, with a / before the first {{ }}, ' +
        'or list the hosts that may come out in allowHosts',
    ];
  }
  if (from !== 'text') return [];
  const url = parseUrl(sample);
  if (!url) return ['is no http or https URL; write it as https://host/path'];
  const judged = rules ? judgeUrl(url, rules) : { allowed: true as const };
  return judged.allowed ? [] : [`${url.host} is not allowed: ${judged.reason}`];
}

/** `api.example.com` (the scheme's own port) or `api.example.com:8443`. */
export function allowHostFault(entry: string): string | null {
  const isHost = !/[/?#\\@*\s]/.test(entry) && parseUrl(`http://${entry}`) !== null;
  return isHost ? null : 'is no host; list each as api.example.com or api.example.com:8443';
}

/** Whether `user:password@` stands in the URL. */
export const hasUserinfo = (source: string): boolean => hostOf(compileTemplate(source, { mode: 'url' })).hasUserinfo;

export function compileUrl(source: string, allowHosts: string[]): CompiledUrl {
  const template = compileTemplate(source, { mode: 'url' });
  const { from, prefix } = hostOf(template);
  const host = from === 'variables' ? null : compileTemplate(prefix, { mode: 'url' });
  const isLiteralDot = DOT_SEGMENT.test(source);
  return {
    render(rendering) {
      const text = rendering.text(template, 'url');
      const url = parseUrl(text);
      if (!url)
        throw invalidUrl('the result is no http or https URL with a host; look at the values that it is made of');
      if (text.length > MAX_URL) throw failedAt('render.too_large', 'url', 'the result is longer than 16 KiB');
      if (!isLiteralDot && DOT_SEGMENT.test(text.split(/[?#]/)[0] ?? '')) {
        throw invalidUrl('a value in the path is . or .., which would lead to another path');
      }
      if (host && parseUrl(rendering.text(host, 'url'))?.host !== url.host) {
        throw invalidUrl('the host is not the one that the template begins with; look at its secrets');
      }
      if (!host && !allowHosts.some((entry) => hostIn(entry, url) === url.host)) {
        throw failedAt('delivery.host_not_allowed', 'url', `${url.host} is not in allowHosts; add it if it is meant`);
      }
      const authorization = authorizationOf(url);
      url.username = url.password = url.hash = '';
      return { url: url.href, authorization };
    },
  };
}

/** RFC 7617, UTF-8. */
export const basicAuthorization = (username: string, password: string): string =>
  `Basic ${Buffer.from(`${username}:${password}`).toString('base64')}`;

/** `prefix` is the part of the source up to the end of the host; `sample` a URL that the template may give, without values. */
type Host = { from: HostSource; prefix: string; sample: string; hasUserinfo: boolean };

function hostOf({ source, nodes }: CompiledTemplate): Host {
  const parts = nodes?.map((node) => ({ node, text: shapeOf(node) })) ?? [{ node: null, text: source }];
  const shape = parts.map(({ text }) => text).join('');
  const upToHost = UP_TO_HOST.exec(shape)?.[0] ?? '';
  const hostBegin = upToHost.lastIndexOf('@') + 1;
  let from: HostSource = 'text';
  let begin = 0;
  let prefix: string | null = null;
  for (const { node, text } of parts) {
    const end = begin + text.length;
    const isInside = begin < upToHost.length;
    if (node && isInside && (text === OUTPUT || text === TAG)) {
      const isSecret = text === OUTPUT && readsOnly(node, 'secrets');
      const isHarmless = isSecret || (text === OUTPUT && begin < hostBegin && !isUrlSafe(node));
      if (!isHarmless) from = 'variables';
      else if (from === 'text' && begin >= hostBegin) from = 'secrets';
    }
    if (node && end > upToHost.length) prefix ??= source.slice(0, contentBegin(node) + upToHost.length - begin);
    begin = end;
  }
  if (!nodes) return { from, prefix: upToHost, sample: source, hasUserinfo: hostBegin > 0 };
  return { from, prefix: prefix ?? source, sample: upToHost.replaceAll(OUTPUT, 'x'), hasUserinfo: hostBegin > 0 };
}

/** Literal text as it is, one character for an output or a tag that may print. */
function shapeOf(node: Template): string {
  const { token } = node;
  if (isSilent(node)) return '';
  if (TypeGuards.isHTMLToken(token)) return token.getContent().replace(/[\0\x01]/g, '');
  return TypeGuards.isOutputToken(token) ? OUTPUT : TAG;
}

function isSilent(node: Template): boolean {
  if (node instanceof CommentTag || node instanceof InlineCommentTag) return true;
  if (!(node instanceof AssignTag || node instanceof CaptureTag)) return false;
  return [...node.localScope()].every((name) => typeof name === 'object' && name.content !== 'secrets');
}

const contentBegin = ({ token }: Template) => token.begin + (TypeGuards.isHTMLToken(token) ? token.trimLeft : 0);

function parseUrl(text: string): URL | null {
  const url = URL.canParse(text) ? new URL(text) : null;
  return url && /^https?:$/.test(url.protocol) && url.hostname !== '' ? url : null;
}

const hostIn = (entry: string, { protocol }: URL) => parseUrl(`${protocol}//${entry}`)?.host;

function authorizationOf({ username, password }: URL): string | null {
  if (username === '' && password === '') return null;
  try {
    return basicAuthorization(decodeURIComponent(username), decodeURIComponent(password));
  } catch {
    throw invalidUrl('the user or password before the @ is not well percent-encoded');
  }
}

const invalidUrl = (message: string) => failedAt('render.invalid_url', 'url', message);
