import type { Request } from 'express';
import { HooklineError } from '../domain/errors.ts';
import { findUnstorable } from '../domain/json.ts';
import { parseYaml } from '../domain/yaml.ts';
import type { Route } from './route.ts';

const MAX_DEPTH = 64;

/** Parses a body by its Content-Type: JSON, and YAML where the route takes it. An empty body is undefined. */
export function parseBody(request: Request, route: Route): unknown {
  if (!Buffer.isBuffer(request.body) || request.body.length === 0) return undefined;
  const text = decode(request.body);
  const value = isYaml(request, route) ? parseYaml(text) : parseJson(text);
  assertDepth(value);
  const place = findUnstorable(value);
  if (place !== null) throw refused(place, 'NUL and half surrogate pairs cannot be stored; remove them');
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
    const where = cause instanceof Error ? cause.message : String(cause);
    throw new HooklineError('body.malformed', `The body is not valid JSON: ${where}`, { cause });
  }
}

/** Level by level, so that depth costs no stack. */
function assertDepth(value: unknown): void {
  let level = [value];
  for (let depth = 0; level.length > 0; depth += 1) {
    if (depth > MAX_DEPTH) throw refused('', `the body is nested deeper than ${MAX_DEPTH} levels; flatten it`);
    level = level.flatMap((item) => (typeof item === 'object' && item !== null ? Object.values(item) : []));
  }
}

const refused = (path: string, message: string) =>
  new HooklineError('input.invalid', path === '' ? message : `${path}: ${message}`, { errors: [{ path, message }] });
