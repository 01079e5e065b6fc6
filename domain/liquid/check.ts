import {
  LiquidError,
  type TagToken,
  type Template,
  type Token,
  Tokenizer,
  type TopLevelToken,
  TypeGuards,
} from 'liquidjs';
import { didYouMean } from '../input/nearest.ts';
import { engine, FILE_TAGS, parseTokens } from './engine.ts';
import { checkFilteredValue, checkNames, quoted, type Report, unexpected } from './expression.ts';

/** A fault at an offset of the template's source. */
export type OffsetFault = { offset: number; message: string };

const MAX_FAULTS = 50;
const TOO_DEEP = 'is nested too deeply; write it in fewer levels';
const LOOP_WORDS = ['offset', 'limit', 'reversed', 'cols'];
const LOOP_RULE = 'a loop takes offset, limit and reversed after its list';

/** The parsed nodes of a template, or everything that is wrong with it. */
export type Parsed = { nodes: Template[]; faults: OffsetFault[] };

/** Checks each output and tag of a template by itself, then how the blocks fit together; the first 50 faults. */
export function parseChecked(tokens: TopLevelToken[]): Parsed {
  const faults: OffsetFault[] = [];
  checkTokens(tokens, faults);
  if (faults.length > 0) return { nodes: [], faults: faults.slice(0, MAX_FAULTS) };
  let nodes: Template[] = [];
  const broken = caught(() => {
    // A copy, since liquidjs takes the tokens out of the list.
    nodes = parseTokens([...tokens]);
  });
  return { nodes, faults: broken };
}

/** What liquidjs throws, as a fault. */
export function caught(parse: () => void): OffsetFault[] {
  try {
    parse();
    return [];
  } catch (error) {
    if (error instanceof RangeError) return [{ offset: 0, message: TOO_DEEP }];
    if (!LiquidError.is(error)) throw error;
    return [{ offset: error.token.begin, message: plainMessage(error) }];
  }
}

/** The message of liquidjs without the place that it appends, and with what to do about blocks. */
export function plainMessage(error: LiquidError): string {
  return (error.originalError?.message ?? error.message)
    .replace(/(?:, file:.*)?, line:\d+, col:\d+$/, '')
    .replace(/^Maximum call stack.*/, TOO_DEEP)
    .replace(/^tag "(\w+)" not found$/, '{% $1 %} belongs to no open tag')
    .replace(/^tag "?(\{%-?\s*(\w+).*) not closed$/s, '$1 is not closed; add {% end$2 %}')
    .replace(/^output (.*) not closed$/s, '$1 is not closed; add }}');
}

function checkTokens(tokens: Iterable<Token>, faults: OffsetFault[]): void {
  const report: Report = (offset, message) => void faults.push({ offset, message });
  let inComment = false;
  for (const token of tokens) {
    if (faults.length >= MAX_FAULTS) return;
    if (TypeGuards.isTagToken(token)) {
      if (token.name === 'comment' || token.name === 'endcomment') inComment = token.name === 'comment';
      else if (!inComment) faults.push(...caught(() => checkTag(token, report, faults)));
    } else if (!inComment && TypeGuards.isOutputToken(token)) {
      faults.push(...caught(() => checkFilteredValue(within(token, token.contentRange), report)));
    }
  }
}

function checkTag(token: TagToken, report: Report, faults: OffsetFault[]): void {
  const words = within(token, [token.tokenizer.p, token.contentRange[1]]);
  switch (token.name) {
    case 'liquid':
      return checkTokens(words.readLiquidTagTokens(engine.options), faults);
    case 'echo':
      return words.end() ? undefined : checkFilteredValue(words, report);
    case 'if':
    case 'elsif':
    case 'unless':
    case 'case':
      return checkFilteredValue(words, report);
    case 'when':
      return checkWhen(words, report);
    case 'assign':
      return checkAssign(words, report);
    case 'for':
    case 'tablerow':
      return checkLoop(words, report);
    case 'else':
      return words.end()
        ? undefined
        : report(words.p, `unexpected ${quoted(words.remaining())} after else; write elsif`);
    default:
      return checkName(token, report);
  }
}

function checkName({ name, begin }: TagToken, report: Report): void {
  if (name in engine.tags || name.startsWith('end')) return;
  if (FILE_TAGS.includes(name))
    return report(begin, `the tag "${name}" is not available: a template reads no other files`);
  report(begin, `unknown tag ${quoted(name)}${didYouMean(name, Object.keys(engine.tags))}`);
}

/** `{% when 'a', 'b' or 'c' %}`: liquidjs skips whatever else stands between the values. */
function checkWhen(words: Tokenizer, report: Report): void {
  do {
    checkNames(words.readValueOrThrow(), report);
    words.skipBlank();
    if (words.end()) return;
    const at = words.p;
    if (words.peek() === ',') words.advance();
    else if (words.readIdentifier().content !== 'or')
      return unexpected(words, at, report, 'put a comma or the word or between values');
    words.skipBlank();
  } while (!words.end());
}

function checkAssign(words: Tokenizer, report: Report): void {
  if (words.readIdentifier().content === '') return report(words.p, 'a name is missing: {% assign name = value %}');
  words.skipBlank();
  if (words.peek() !== '=') return report(words.p, 'an = is missing: {% assign name = value %}');
  words.advance();
  checkFilteredValue(words, report);
}

function checkLoop(words: Tokenizer, report: Report): void {
  words.readIdentifier();
  words.readIdentifier();
  checkNames(words.readValue(), report);
  for (const { name, value } of words.readHashes(engine.options.keyValueSeparator)) {
    if (!LOOP_WORDS.includes(name.content)) return unexpected(words, name.begin, report, LOOP_RULE);
    checkNames(value, report);
  }
  words.skipBlank();
  if (!words.end()) unexpected(words, words.p, report, LOOP_RULE);
}

function within(token: Token, range: [number, number]): Tokenizer {
  const words = new Tokenizer(token.input, engine.options.operators, undefined, range);
  words.skipBlank();
  return words;
}
