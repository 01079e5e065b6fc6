import { HooklineError } from '../errors.ts';
import type { Json } from '../json.ts';

const ROOT = /^[\p{L}_][\p{L}\p{N}_-]*\??/u;
const SEGMENT = /\.([\p{L}\p{N}_-]+\??)|\[(0|[1-9]\d{0,8})\]|\['([^']*)'\]|\["([^"]*)"\]/uy;
const INDEX = /^(?:0|[1-9]\d{0,8})$/;

export type Path = `${string}.${string}` | `${string}[${string}`;

/** Whether a key of a condition is a path, not a word. */
export function isPath(key: string): key is Path {
  return /[.[]/.test(key);
}

/**
 * The keys of a path as Liquid writes it: `customer.address.city`, `customer['first name']`, `event.items[0].sku`.
 * Throws `input.invalid`.
 */
export function parsePath(text: string): string[] {
  const root = ROOT.exec(text)?.[0];
  if (root === undefined) throw invalid(text);
  const keys = [root];
  SEGMENT.lastIndex = root.length;
  while (SEGMENT.lastIndex < text.length) {
    const match = SEGMENT.exec(text);
    const key = match?.[1] ?? match?.[2] ?? match?.[3] ?? match?.[4];
    if (key === undefined) throw invalid(text);
    keys.push(key);
  }
  return keys;
}

/** Reads own properties of objects and numbered items of lists, so that `length` or `constructor` are never found. */
export function readPath(path: string | string[], scope: Json): { found: true; value: Json } | { found: false } {
  let value = scope;
  for (const key of typeof path === 'string' ? parsePath(path) : path) {
    const next = child(value, key);
    if (next === undefined) return { found: false };
    value = next;
  }
  return { found: true, value };
}

function child(value: Json, key: string): Json | undefined {
  if (Array.isArray(value)) return INDEX.test(key) ? value[Number(key)] : undefined;
  if (typeof value !== 'object' || value === null) return undefined;
  return Object.hasOwn(value, key) ? value[key] : undefined;
}

function invalid(text: string): HooklineError {
  const shown = text.slice(0, 60);
  return new HooklineError(
    'input.invalid',
    `"${shown}" is no path; write it as in customer.address.city, customer['first name'] or event.items[0].sku`,
  );
}
