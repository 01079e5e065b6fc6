import {
  isMap,
  isPair,
  isScalar,
  isSeq,
  Lexer,
  LineCounter,
  parseDocument,
  type Document,
  type ParsedNode,
} from 'yaml';
import { HooklineError, type InputFault } from '../errors.ts';
import { MOST_FAULTS, placeOf, summary } from './faults.ts';

/**
 * A YAML 1.2 document as JSON. Throws `campaigns.invalid` with the places where an unquoted `{{` turned a text into a map,
 * and `body.malformed`, with line and column, for whatever else is no YAML.
 */
export function parseYaml(text: string): unknown {
  if (isTooDeep(text)) {
    if (isOneLine(text)) throw lostNewlines();
    throw malformed(`the YAML is nested too deep; nest at most ${MAX_DEPTH} deep`);
  }
  const lines = new LineCounter();
  const document = compose(text, lines);
  if (isOneLine(text) && (document.errors.length > 0 || /(?:^| )#/.test(text))) throw lostNewlines();
  const unquoted = unquotedTemplates(text, document, lines);
  if (unquoted.length > 0)
    throw new HooklineError('campaigns.invalid', summary('the YAML', unquoted), { errors: unquoted });
  const all = [...document.errors, ...repeatedKeys(document.contents), ...document.warnings];
  const errors = all.slice(0, MOST_FAULTS).map(({ code, message, pos }) => {
    const { line, col } = lines.linePos(pos[0]);
    return { path: '', message: `line ${line}, column ${col}: ${EXPLAINED[code] ?? unquoting(message)}` };
  });
  if (errors.length > 0) throw malformed(summary('the YAML', errors), errors);
  if (document.contents === null) throw malformed('the YAML is empty');
  return orMalformed(() => document.toJS({ maxAliasCount: 100 }));
}

const MAX_DEPTH = 64;
const MAX_INDENT = 256;

/** The parser is recursive, and running out of stack may end the process: so brackets and columns are counted first. */
function isTooDeep(text: string): boolean {
  let depth = 0;
  let column = 0;
  let isScalar = false;
  for (const token of new Lexer().lex(text)) {
    if (!isScalar) {
      if (token === '{' || token === '[') depth += 1;
      if (token === '}' || token === ']') depth -= 1;
      const isBlock = depth <= 0 && (token === '-' || token === '?' || token === ':');
      if (depth > MAX_DEPTH || (isBlock && column > MAX_INDENT)) return true;
    }
    // The lexer marks that the next token is the text of a scalar.
    isScalar = token === '\u001f';
    column = token.includes('\n') ? 0 : column + token.length;
  }
  return false;
}

function compose(text: string, lineCounter: LineCounter): Document.Parsed {
  return orMalformed(() =>
    parseDocument(text, { version: '1.2', prettyErrors: false, lineCounter, stringKeys: true, uniqueKeys: false }),
  );
}

/** The parser throws where aliases multiply or lead nowhere, and where nesting exceeds the stack. */
function orMalformed<T>(read: () => T): T {
  try {
    return read();
  } catch (cause) {
    const why = cause instanceof Error ? unquoting(cause.message) : 'unknown reason';
    throw malformed(`the YAML cannot be read: ${why}`, [], cause);
  }
}

/** What the parser says, without what it quotes behind a colon that follows a word: that may be a secret. */
const unquoting = (message: string): string => message.split(/(?<=\S): /, 1)[0] ?? '';

/** Where the parser is hard to understand, or would quote the text in the middle of what it says. */
const EXPLAINED: Record<string, string> = {
  BAD_DIRECTIVE: 'a line that begins with % is a directive, and this one cannot be used here; quote it',
  BAD_DQ_ESCAPE: 'a backslash that escapes nothing; write two of them',
  TAG_RESOLVE_FAILED: 'a text that begins with ! is a tag, and this one cannot be used here; quote it',
  MULTIPLE_DOCS: 'a second document starts here; send one, without ---',
  TAB_AS_INDENT: 'indent with spaces, not with tabs',
  NON_STRING_KEY: 'a key must be a text; quote it',
  DUPLICATE_KEY: 'this key is already there; keys are unique in a map',
};

/** One line, no flow collection, several keys. Where it makes no sense either, its newlines were lost: `curl -d @file` drops them. */
function isOneLine(text: string): boolean {
  if (/[\n\r]/.test(text) || /^\s*[{[]/.test(text)) return false;
  const keys = text.replace(/\{[^{}]*\}/g, '').match(/(?:^|\s)[\w-]+:(?=\s|$)/g) ?? [];
  return keys.length > 1;
}

const lostNewlines = () => malformed('the YAML has lost its newlines; send it with --data-binary');

/**
 * `url: {{ x }}` reads as a map that is the key of a map, and text around it or quotes inside as syntax errors.
 * One fault for each place, whatever YAML makes of the rest of the line.
 */
function unquotedTemplates(text: string, document: Document.Parsed, lines: LineCounter): InputFault[] {
  const lineOf = ({ start }: Entry): number => lines.linePos(start).line;
  const texts = text.split('\n');
  const entries = [...entriesOf(document.contents, [])];
  const mistaken = entries.filter(({ value }) => isMap(value) && value.items.some(({ key }) => isMap(key)));
  const broken = document.errors.slice(0, MOST_FAULTS).flatMap(({ pos }) => {
    const { line } = lines.linePos(pos[0]);
    const written = (texts[line - 1] ?? '').replace(/"[^"]*"|'[^']*'/g, '');
    if (!/\{\{|\{%/.test(written)) return [];
    return entries.findLast((entry) => lineOf(entry) === line && entry.start <= pos[0] && !isInTemplate(entry)) ?? [];
  });
  const elsewhere = broken.filter((entry) => !mistaken.some((other) => lineOf(other) === lineOf(entry)));
  const places = new Set(
    [...mistaken, ...elsewhere].sort((a, b) => a.start - b.start).map(({ path }) => placeOf(path)),
  );
  return [...places].map((path) => ({ path, message: 'put quotes around a value with {{ … }}' }));
}

/** Text with `{{` and a colon reads as a key. */
function isInTemplate({ path }: Entry): boolean {
  return path.some((key) => typeof key === 'string' && /[{}%]/.test(key));
}

type Entry = { path: PropertyKey[]; value: ParsedNode | null; start: number };

/** Every value with its place, in the order written. */
function* entriesOf(node: ParsedNode | null, path: PropertyKey[]): Generator<Entry> {
  if (isMap(node)) {
    for (const { key, value } of node.items) {
      if (!isScalar(key)) continue;
      const entry = { path: [...path, String(key.value)], value, start: key.range[0] };
      yield entry;
      yield* entriesOf(value, entry.path);
    }
  } else if (isSeq(node)) {
    for (const [index, value] of node.items.entries()) {
      const entry = { path: [...path, index], value, start: value.range[0] };
      yield entry;
      yield* entriesOf(value, entry.path);
    }
  }
}

/** Not by the parser, which compares each key of a map with all before it. */
function* repeatedKeys(node: ParsedNode | null): Generator<{ code: string; message: string; pos: [number] }> {
  const items = isMap(node) || isSeq(node) ? node.items : [];
  const seen = new Set<string>();
  for (const item of items) {
    if (isPair(item) && isScalar(item.key)) {
      const name = String(item.key.value);
      if (seen.has(name)) yield { code: 'DUPLICATE_KEY', message: '', pos: [item.key.range[0]] };
      seen.add(name);
    }
    yield* repeatedKeys(isPair(item) ? item.value : item);
  }
}

function malformed(message: string, errors: InputFault[] = [], cause?: unknown): HooklineError {
  return new HooklineError('body.malformed', message, { errors, cause });
}
