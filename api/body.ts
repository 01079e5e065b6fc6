import type { Request } from 'express';
import { HooklineError } from '../domain/errors.ts';
import { jsonFault } from '../domain/request/json-fault.ts';
import { parseYaml } from '../domain/input/yaml.ts';
import { FORMS, parseForm } from './form.ts';
import type { Route } from './route.ts';

const MAX_DEPTH = 64;
const MAX_ITEMS = 1000;

/** Most bytes of a body that is a list. */
export const MAX_LIST_BYTES = 8 * 1024 * 1024;

/** Of newline-delimited JSON, which is a list too. */
export const MAX_NDJSON_BYTES = 32 * 1024 * 1024;
const MAX_LINES = 10_000;

export const NDJSON = 'application/x-ndjson';

/**
 * Parses a body by its Content-Type: JSON, and YAML, newline-delimited JSON or a form where the route takes them. An empty body is
 * undefined; a line that cannot be parsed is a `HooklineError` in its place.
 */
export async function parseBody(request: Request, route: Route): Promise<unknown> {
  if (!Buffer.isBuffer(request.body) || request.body.length === 0) return undefined;
  const format = formatOf(request, route);
  if (format === 'ndjson') return parseLines(request.body);
  if (format === 'form') return parseForm(request.body, request.headers['content-type'] ?? '');
  const text = decode(request.body);
  const value = format === 'yaml' ? parseYaml(text) : parseJson(text);
  assertDepth(value);
  if (route.judgesItems && Array.isArray(value)) assertItems(value);
  return value;
}

const typeOf = (request: Pick<Request, 'headers'>) =>
  (request.headers['content-type'] ?? 'application/json').split(';')[0]?.trim().toLowerCase() ?? '';

export const isNdjson = (request: Pick<Request, 'headers'>): boolean => typeOf(request) === NDJSON;

function formatOf(request: Request, route: Route): 'json' | 'yaml' | 'ndjson' | 'form' {
  const type = typeOf(request);
  if (type === 'application/json') return 'json';
  if (route.yaml && (type === 'application/yaml' || type === 'text/yaml' || type === 'application/x-yaml'))
    return 'yaml';
  if (route.judgesItems === true && type === NDJSON) return 'ndjson';
  if (route.forms && FORMS.includes(type)) return 'form';
  const taken = ['application/json', ...otherTypes(route)].join(' or ');
  throw new HooklineError('body.unsupported_type', `The body came as ${type}; send it with Content-Type: ${taken}.`);
}

/** The forms in which a body may come besides JSON, where the route takes them. */
export const otherTypes = ({ yaml, judgesItems, forms }: Route): string[] => [
  ...(yaml ? ['application/yaml'] : []),
  ...(judgesItems === true ? [NDJSON] : []),
  ...(forms ? FORMS : []),
];

/** Line by line, each by itself. Line breaks at the end are no lines; an empty one before is as wrong as any that is no JSON. */
function parseLines(body: Buffer): unknown[] {
  const end = endOf(body);
  const count = countLines(body, end);
  if (count > MAX_LINES) {
    const message = `The body has ${count} lines; send at most ${MAX_LINES} at a time.`;
    throw new HooklineError('body.too_large', message);
  }
  return body.toString('latin1', 0, end).split('\n').map(parseLine);
}

/** Before anything is made of them: there may be as many as bytes. */
function countLines(body: Buffer, end: number): number {
  let count = 1;
  for (let index = 0; index < end; index += 1) if (body[index] === LINE_BREAK) count += 1;
  return count;
}

const LINE_BREAK = 0x0a;
const SPACE = new Set(Buffer.from(' \t\r\n'));

function endOf(body: Buffer): number {
  let end = body.length;
  while (end > 0 && SPACE.has(body[end - 1] ?? 0)) end -= 1;
  return end;
}

/** UTF-8 has a line break's byte nowhere else, so lines may be told apart before they are decoded. */
function parseLine(line: string): unknown {
  try {
    return parsePart(() => parseJson(decode(Buffer.from(line, 'latin1')), 'line'));
  } catch (error) {
    if (error instanceof HooklineError) return error;
    throw error;
  }
}

/** Runs what parses a part of a body, which is then judged by itself: each of its faults has a place in it. */
export function parsePart(parse: () => unknown): unknown {
  try {
    const value = parse();
    assertDepth(value);
    return value;
  } catch (error) {
    if (!(error instanceof HooklineError) || error.errors.length > 0) throw error;
    const { code, message } = error;
    throw new HooklineError(code, message, { errors: [{ path: '', message }], cause: error });
  }
}

function decode(body: Buffer): string {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(body);
  } catch (cause) {
    throw new HooklineError('body.malformed', 'The body is not valid UTF-8. Send it in UTF-8.', { cause });
  }
}

/** Throws `body.malformed` with the place of what is wrong; `what` names the text. */
export function parseJson(text: string, what = 'body'): unknown {
  try {
    return JSON.parse(text);
  } catch (cause) {
    const fault = jsonFault(text);
    const line = fault && what === 'body' ? `line ${fault.line}, ` : '';
    const where = fault ? `: ${line}column ${fault.column}: ${fault.message}` : '';
    throw new HooklineError('body.malformed', `The ${what} is not valid JSON${where}.`, { cause });
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
export function assertItems(list: unknown[], most = MAX_ITEMS): void {
  if (list.length <= most) return;
  throw new HooklineError('body.too_large', `The list has ${list.length} items; send at most ${most} at a time.`);
}

const MAX_DATA_BYTES = 32 * 1024;

/** The data of an event, or of a trigger: it is read again at each step of a journey. */
export function assertDataFits(data: unknown): void {
  const size = Buffer.byteLength(JSON.stringify(data));
  if (size <= MAX_DATA_BYTES) return;
  const message = `the data takes ${size} bytes and may take ${MAX_DATA_BYTES}; send less, or a link`;
  throw new HooklineError('events.too_large', `data: ${message}`, { errors: [{ path: 'data', message }] });
}
