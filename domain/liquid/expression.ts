import { type Token, type Tokenizer, TypeGuards } from 'liquidjs';
import { didYouMean } from '../input/nearest.ts';
import { engine } from './engine.ts';

/** Reports what is wrong at an offset of the template. */
export type Report = (offset: number, message: string) => void;

const ONLY_FILTERS =
  "after a value only filters may follow (| name); a name with spaces is written customer['first name']";

/**
 * Checks a value with its filters up to the end of the tokenizer's range, as liquidjs would read it, and besides what
 * liquidjs drops without a word: a second value, text in brackets, a filter without a name.
 */
export function checkFilteredValue(tokenizer: Tokenizer, report: Report): void {
  if (!checkOperands(tokenizer, report)) return;
  let end = tokenizer.p;
  tokenizer.skipBlank();
  if (!tokenizer.end() && tokenizer.peek() !== '|') return unexpected(tokenizer, tokenizer.p, report);
  for (const filter of tokenizer.readFilters()) {
    end = filter.end;
    if (!(filter.name in engine.filters)) report(filter.begin, unknownFilter(filter.name));
    for (const argument of filter.args) checkNames(Array.isArray(argument) ? argument[1] : argument, report);
  }
  const rest = tokenizer.input.slice(end, tokenizer.N);
  if (rest.trim() === '|') report(end + rest.indexOf('|'), 'a filter is missing after |; name one or leave the | out');
  else if (rest.trim() !== '') unexpected(tokenizer, end + rest.search(/\S/), report);
}

/** Operands and operators have to alternate: liquidjs reads `first name` as two operands and drops the second. */
function checkOperands(tokenizer: Tokenizer, report: Report): boolean {
  let wantsValue = true;
  for (const token of tokenizer.readExpressionTokens()) {
    const isOperator = TypeGuards.isOperatorToken(token);
    const isNot = isOperator && token.getText() === 'not';
    if (isOperator && !isNot && wantsValue) {
      report(token.begin, `a value is missing before ${token.getText()}`);
      return false;
    }
    if ((!isOperator || isNot) && !wantsValue) {
      unexpected(tokenizer, token.begin, report);
      return false;
    }
    if (!isOperator) checkNames(token, report);
    wantsValue = isOperator;
  }
  if (!wantsValue) return true;
  tokenizer.skipBlank();
  const rest = tokenizer.input.slice(tokenizer.p, tokenizer.N).trim();
  report(tokenizer.p, rest === '' ? 'a value is missing; name one, as in customer.id' : `${quoted(rest)} is no value`);
  return false;
}

/** Finds the dots and brackets of a variable that name nothing, or more than one thing. */
export function checkNames(token: Token | undefined, report: Report): void {
  if (!token) return;
  if (TypeGuards.isRangeToken(token)) {
    checkNames(token.lhs, report);
    checkNames(token.rhs, report);
  } else if (TypeGuards.isPropertyAccessToken(token)) {
    if (token.getText().endsWith('.')) report(token.end - 1, 'a name is missing after the dot');
    for (const prop of token.props) {
      if (!isInBrackets(prop, token)) continue;
      const rest = token.input.slice(prop.end, token.end);
      if (prop.begin === prop.end)
        report(prop.begin, "a name is missing in the brackets; write it as in ['first name']");
      else if (!/^\s*\]/.test(rest))
        report(prop.end, "only one name fits in brackets; put quotes around it, as in ['first name']");
      else checkNames(prop, report);
    }
  }
}

function isInBrackets(prop: Token, variable: Token): boolean {
  let before = prop.begin - 1;
  while (/\s/.test(prop.input[before] ?? '')) before -= 1;
  return before >= variable.begin && prop.input[before] === '[';
}

export function unexpected(tokenizer: Tokenizer, offset: number, report: Report, rule = ONLY_FILTERS): void {
  report(offset, `unexpected ${quoted(tokenizer.input.slice(offset, tokenizer.N).trim())}; ${rule}`);
}

function unknownFilter(name: string): string {
  return `unknown filter ${quoted(name)}${didYouMean(name, Object.keys(engine.filters))}`;
}

export const quoted = (text: string): string => JSON.stringify(text.length > 40 ? `${text.slice(0, 40)}…` : text);
