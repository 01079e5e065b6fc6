import { failedAt, type Rendering } from './rendering.ts';
import { compileTemplate, type CompiledTemplate } from '../template.ts';

export type CompiledHeader = { name: string; template: CompiledTemplate };

/** The sender's own, and those that frame the request. */
const RESERVED = [
  ...['host', 'content-length', 'transfer-encoding', 'connection', 'keep-alive', 'upgrade', 'te', 'trailer', 'expect'],
  'idempotency-key',
];
const RESERVED_FAMILIES = ['webhook-', 'x-cio-'];
const TOKEN = /^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/;
/** RFC 9110 field value: no control characters, and nothing beyond Latin-1, which is what goes over the wire. */
const VALUE = /^[\t\x20-\x7e\x80-\xff]*$/;
const MAX_VALUE = 16 * 1024;

/** What is wrong with a header's name, or null. */
export function headerNameFault(name: string): string | null {
  const lower = name.toLowerCase();
  if (!TOKEN.test(name)) return 'is no header name; it has letters, digits and - _ only';
  if (RESERVED.includes(lower)) return 'is set by Hookline and cannot be given; leave it out';
  const family = RESERVED_FAMILIES.find((prefix) => lower.startsWith(prefix));
  return family ? `is reserved, as are all that start with ${family}; choose another name` : null;
}

/** What is wrong with a header's final value, or null. */
export function headerValueFault(value: string): string | null {
  if (value.length > MAX_VALUE) return 'is longer than 16 KiB';
  if (VALUE.test(value)) return null;
  return 'has a line break, another control character or one that is not Latin-1, which a header cannot hold; encode it, as with | url_encode';
}

/** A webhook's headers and, where it has none of that name, those of the defaults. Names are case-insensitive (RFC 9110). */
export function mergeHeaders(
  own: Record<string, string> = {},
  defaults: Record<string, string> = {},
): [string, string][] {
  const names = new Set(Object.keys(own).map((name) => name.toLowerCase()));
  const inherited = Object.entries(defaults).filter(([name]) => !names.has(name.toLowerCase()));
  return [...inherited, ...Object.entries(own)];
}

export const compileHeaders = (headers: [string, string][]): CompiledHeader[] =>
  headers.map(([name, source]) => ({ name, template: compileTemplate(source) }));

/** Renders the values, each for itself; spaces around one are not part of it. Those that fail are left out. */
export function renderHeaders(headers: CompiledHeader[], rendering: Rendering): [string, string][] {
  return headers.flatMap(({ name, template }): [string, string][] => {
    const place = `headers.${name}`;
    const value = rendering.part(() => checkedValue(rendering.text(template, place), place));
    return value === null ? [] : [[name, value]];
  });
}

export function checkedValue(text: string, place: string): string {
  const value = withoutBlanks(text);
  const fault = headerValueFault(value);
  if (fault) throw failedAt('render.invalid_header', place, `the value ${fault}`);
  return value;
}

/** By steps: a regular expression for the end would begin anew at each blank of a long row of them. */
function withoutBlanks(text: string): string {
  const isBlank = (index: number) => text[index] === ' ' || text[index] === '\t';
  let start = 0;
  let end = text.length;
  while (start < end && isBlank(start)) start += 1;
  while (end > start && isBlank(end - 1)) end -= 1;
  return text.slice(start, end);
}

export const findHeader = (headers: [string, string][], name: string): [string, string] | undefined =>
  headers.find(([candidate]) => candidate.toLowerCase() === name);
