import type { Json } from '../json.ts';
import type { RenderedRequest } from './request.ts';

const MASK = '***';
const SECRET_HEADER =
  /authorization|cookie|token|secret|passw|signature|credential|(?:^|[-_])auth(?:[-_]|$)|(?:^|[-_])session|key$/i;
const OPEN_HEADER = /(?:^|-)idempotency-key$/i;
const SECRET_PARAMETER = /token|secret|passw|credential|signature|(?:^|[-_.])(?:sig|auth)$|key$/i;

/** As short as a secret may be: less would mask what has nothing to do with it. */
const SHORTEST_URL_FORM = 8;

type Header = [name: string, value: string];

/** A copy for API and log: credentials in URL and headers, and each occurrence of a secret, become `***`. */
export function redactRequest<T extends Omit<RenderedRequest, 'missing'>>(
  request: T,
  secretValues: readonly string[],
): T {
  return {
    ...request,
    url: redactUrl(request.url, secretValues),
    headers: redactHeaders(request.headers, secretValues),
    body: request.body === null ? null : redactText(request.body, secretValues),
  };
}

/** Of a request or an answer: values of authorization, cookie, key- and token-like headers, and secrets in the others. */
export function redactHeaders(
  headers: readonly (readonly [string, string])[],
  secretValues: readonly string[],
): Header[] {
  return headers.map(([name, value]) => {
    const isSecret = SECRET_HEADER.test(name) && !OPEN_HEADER.test(name);
    return [redactText(name, secretValues), isSecret ? MASK : redactUrlParts(redactText(value, secretValues))];
  });
}

/** Secrets first, one of which may be all of the URL, then userinfo and the values of key- and token-like parameters. */
function redactUrl(url: string, secretValues: readonly string[]): string {
  return redactUrlParts(redactText(url, secretValues));
}

/** Each occurrence of a secret: as it is, in base64 (at any offset in a longer text), percent-encoded, or escaped as in JSON. */
export function redactText(text: string, secretValues: readonly string[]): string {
  const pattern = patternOf(secretValues);
  return pattern ? text.replace(pattern, MASK) : text;
}

/** As `redactText`, for each text in a value, keys included. */
export function redactJson(value: Json, secretValues: readonly string[]): Json {
  if (typeof value === 'string') return redactText(value, secretValues);
  if (typeof value !== 'object' || value === null) return value;
  if (Array.isArray(value)) return value.map((item) => redactJson(item, secretValues));
  const entries = Object.entries(value);
  return Object.fromEntries(
    entries.map(([key, item]) => [redactText(key, secretValues), redactJson(item, secretValues)]),
  );
}

/** As `redactText`, for bytes that need not be text: all others stay as they are. */
export function redactBytes(bytes: Buffer, secretValues: readonly string[]): Buffer {
  const pattern = patternOf(secretValues, 'latin1');
  return pattern ? Buffer.from(bytes.toString('latin1').replace(pattern, MASK), 'latin1') : bytes;
}

/** Whether a text has a secret in any form that `redactText` finds. */
export const holdsSecret = (text: string, secretValues: readonly string[]): boolean =>
  redactText(text, secretValues) !== text;

function redactUrlParts(text: string): string {
  return text
    .replace(/^([a-z][a-z0-9+.-]*:\/\/)[^/?#\s]*@/i, `$1${MASK}@`)
    .replace(/([?&])([^=&?#\s]+)=([^&#\s]*)/g, (pair, mark: string, name: string) =>
      SECRET_PARAMETER.test(decoded(name)) ? `${mark}${name}=${MASK}` : pair,
    );
}

function decoded(name: string): string {
  try {
    return decodeURIComponent(name);
  } catch {
    return name;
  }
}

type Encoding = 'utf8' | 'latin1';

const patterns = {
  utf8: new WeakMap<readonly string[], RegExp | null>(),
  latin1: new WeakMap<readonly string[], RegExp | null>(),
};

/** All forms of all secrets, as they look in a text that was read with the encoding. */
function patternOf(secretValues: readonly string[], encoding: Encoding = 'utf8'): RegExp | null {
  const known = patterns[encoding].get(secretValues);
  if (known !== undefined) return known;
  const forms = new Set(secretValues.filter((secret) => secret !== '').flatMap(formsOf));
  // Longest first: a secret that begins with another is masked as a whole.
  const sorted = [...forms].sort((one, other) => other.length - one.length);
  const sources = sorted.map((form) => sourceOf(form, encoding));
  const pattern = sources.length > 0 ? new RegExp(sources.join('|'), 'g') : null;
  patterns[encoding].set(secretValues, pattern);
  return pattern;
}

function formsOf(secret: string): string[] {
  const percent = encodeURIComponent(secret.toWellFormed());
  const strict = percent.replace(/[!'()*]/g, (char) => `%${char.charCodeAt(0).toString(16).toUpperCase()}`);
  const percentForms = [percent, strict, percent.replaceAll('%20', '+'), strict.replaceAll('%20', '+')];
  const lowerCase = percentForms.map((form) => form.replace(/%[0-9A-F]{2}/g, (byte) => byte.toLowerCase()));
  const escaped = JSON.stringify(secret).slice(1, -1);
  return [secret, escaped, ...percentForms, ...lowerCase, ...base64Forms(secret), ...urlForms(secret)];
}

/**
 * What parsing (WHATWG URL) makes of a secret that is a URL, begins with the host of one, or stands in its path or query:
 * host in lower case, no port of the scheme's own, no userinfo, some characters percent-encoded.
 */
function urlForms(secret: string): string[] {
  const isWhole = /^https?:\/\//i.test(secret);
  const places = isWhole
    ? [secret]
    : [`https://${secret}`, `http://${secret}`, `http://x/${secret}`, `http://x/?${secret}`];
  return places.flatMap((place) => {
    if (!URL.canParse(place)) return [];
    const url = new URL(place);
    url.username = url.password = url.hash = '';
    const form = isWhole ? url.href : url.href.replace(/^https?:\/\/(?:x\/\??)?/, '');
    return [secret.endsWith('/') ? form : form.replace(/\/$/, '')].filter((text) => text.length >= SHORTEST_URL_FORM);
  });
}

/** The characters that a secret's bytes alone decide, at each of the three offsets to the groups of base64. */
function base64Forms(secret: string): string[] {
  const bytes = Buffer.from(secret);
  return [0, 1, 2].flatMap((shift) => {
    const text = Buffer.concat([Buffer.alloc(shift), bytes]).toString('base64url');
    const form = text.slice(Math.ceil((shift * 8) / 6), Math.floor(((shift + bytes.length) * 8) / 6));
    return form.length < 4 ? [] : [form, form.replaceAll('-', '+').replaceAll('_', '/')];
  });
}

/** What writers of JSON escape though they need not: PHP `/`, Python what is not ASCII, Go and .NET characters of HTML. */
const MAY_BE_ESCAPED = /[^\x20-\x7e]|[/<>&'"+=`]/gu;

/** A form's regular expression, in which each of those characters may be escaped. */
function sourceOf(form: string, encoding: Encoding): string {
  const literal = (text: string) => escapeRegExp(Buffer.from(text).toString(encoding));
  let source = '';
  let end = 0;
  for (const { 0: char, index } of form.matchAll(MAY_BE_ESCAPED)) {
    const escaped = char === '/' ? '\\\\/' : char.replace(/[^]/g, escapeSource);
    source += `${literal(form.slice(end, index))}(?:${literal(char)}|${escaped})`;
    end = index + char.length;
  }
  return source + literal(form.slice(end));
}

/** `\u003c`, with either case of its digits. */
function escapeSource(unit: string): string {
  const digits = unit.charCodeAt(0).toString(16).padStart(4, '0');
  return `\\\\u${digits.replace(/[a-f]/g, (digit) => `[${digit}${digit.toUpperCase()}]`)}`;
}

const escapeRegExp = (text: string) => text.replace(/[.*+?^${}()|[\]\\/-]/g, '\\$&');
