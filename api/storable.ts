import { HooklineError, type InputFault } from '../domain/errors.ts';
import { placeOf, summary } from '../domain/input/faults.ts';
import { isStorable, storableText } from '../domain/json.ts';

const TEXT = 'NUL and half surrogate pairs cannot be stored; remove them';
const NUMBER = 'numbers beyond 2^53 lose digits in JSON (RFC 8259); send it as a text';
const KEY = 'no key may be named __proto__; take another name';

/**
 * Refuses a parsed value with anything in it that could not be kept as it was sent, each with its place: text that Postgres
 * cannot hold, numbers beyond ±(2^53 - 1), and the key `__proto__`, which schemas drop without a word.
 */
export function assertStorable(value: unknown, prefix?: string): void {
  const errors: InputFault[] = [];
  const at: PropertyKey[] = [];
  const fault = (message: string) => void errors.push({ path: storableText(placeOf(at, prefix)), message });
  const visit = (inner: unknown): void => {
    if (typeof inner === 'string' && !isStorable(inner)) fault(TEXT);
    if (typeof inner === 'number' && Math.abs(inner) > Number.MAX_SAFE_INTEGER) fault(NUMBER);
    if (typeof inner !== 'object' || inner === null) return;
    for (const [key, child] of Array.isArray(inner) ? inner.entries() : Object.entries(inner)) {
      at.push(key);
      if (key === '__proto__') fault(KEY);
      else if (typeof key === 'string' && !isStorable(key)) fault(TEXT);
      else visit(child);
      at.pop();
    }
  };
  visit(value);
  if (errors.length > 0) throw new HooklineError('input.invalid', summary('the input', errors), { errors });
}
