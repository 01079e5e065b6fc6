import type { Request } from 'express';
import { HooklineError } from '../domain/errors.ts';
import { jsonFault } from '../domain/request/json-fault.ts';
import { parseYaml } from '../domain/input/yaml.ts';
import type { Route } from './route.ts';

const MAX_DEPTH = 64;
const MAX_ITEMS = 1000;

/** Most bytes of a body that is a list. */
export const MAX_LIST_BYTES = 8 * 1024 * 1024;

/** Parses a body by its Content-Type: JSON, and YAML where the route takes it. An empty body is undefined. */
export function parseBody(request: Request, route: Route): unknown {
  if (!Buffer.isBuffer(request.body) || request.body.length === 0) return undefined;
  const text = decode(request.body);
  const value = isYaml(request, route) ? parseYaml(text) : parseJson(text);
  assertDepth(value);
  return value;
}

function isYaml(request: Request, route: Route): boolean {
  const type = (request.get('content-type') ?? 'application/json').split(';')[0]?.trim().toLowerCase();
  if (type === 'application/json') return false;
  if (route.yaml && (type === 'application/yaml' || type === 'text/yaml' || type === 'application/x-yaml')) return true;
  const taken = route.yaml ? 'application/json or application/yaml' : 'application/json';
  throw new HooklineError('body.unsupported_type', `The body came as ${type}; send it with Content-Type: ${taken}.`);
}

function decode(body: Buffer): string {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(body);
  } catch (cause) {
    throw new HooklineError('body.malformed', 'The body is not valid UTF-8. Send it in UTF-8.', { cause });
  }
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (cause) {
    const fault = jsonFault(text);
    const where = fault ? `: line ${fault.line}, column ${fault.column}: ${fault.message}` : '';
    throw new HooklineError('body.malformed', `The body is not valid JSON${where}.`, { cause });
  }
}

/** Level by level, so that depth costs no stack, and each once, as YAML's aliases may hold a list in itself many times. */
function assertDepth(value: unknown): void {
  let level = new Set([value].filter(isContainer));
  for (let depth = 1; level.size > 0; depth += 1) {
    if (depth > MAX_DEPTH) {
      const message = `the body is nested deeper than ${MAX_DEPTH} levels; flatten it`;
      throw new HooklineError('input.invalid', message, { errors: [{ path: '', message }] });
    }
    level = new Set([...level].flatMap((item) => Object.values(item).filter(isContainer)));
  }
}

const isContainer = (value: unknown): value is object => typeof value === 'object' && value !== null;

/** A list that is too long is as wrong as one with too many bytes, and answers the same. */
export function assertItems(list: unknown[]): void {
  if (list.length <= MAX_ITEMS) return;
  throw new HooklineError('body.too_large', `The list has ${list.length} items; send at most ${MAX_ITEMS} at a time.`);
}

const MAX_DATA_BYTES = 32 * 1024;

/** The data of an event, or of a trigger: it is read again at each step of a journey. */
export function assertDataFits(data: unknown): void {
  const size = Buffer.byteLength(JSON.stringify(data));
  if (size <= MAX_DATA_BYTES) return;
  const message = `the data takes ${size} bytes and may take ${MAX_DATA_BYTES}; send less, or a link`;
  throw new HooklineError('events.too_large', `data: ${message}`, { errors: [{ path: 'data', message }] });
}
