import { isRecord } from '../json.ts';
import { isPath, parsePath } from './path.ts';

/** Most keys of a path: JSON is nested no deeper. */
export const MOST_KEYS = 64;

/** A statement of Postgres takes 65,534 parameters: of a condition in these bounds it has fewer. */
const MOST_TESTS = 1000;
const MOST_KEYS_IN_ALL = 10_000;

/** What makes a condition too large, whatever else is wrong with it; it is looked at no further than that. */
export function sizeFault(condition: unknown): string | undefined {
  let [tests, keys] = [0, 0];
  for (const keysOfTest of testsIn(condition)) {
    tests += 1;
    keys += keysOfTest;
    if (tests > MOST_TESTS)
      return `has more than ${MOST_TESTS} tests; compare one path with many values by in, or make segments of its parts`;
    if (keys > MOST_KEYS_IN_ALL)
      return `has more than ${MOST_KEYS_IN_ALL} keys in its paths; shorten them, or make segments of its parts`;
  }
  return undefined;
}

/** For each test, at any depth, how many keys its path has. What should have one and has none counts as one. */
function* testsIn(condition: unknown): Generator<number> {
  const entries = isRecord(condition) ? Object.entries(condition) : [];
  if (entries.length === 0) yield 0;
  for (const [key, value] of entries) {
    if (isPath(key)) yield* testsAt(key, value);
    else if ((key === 'and' || key === 'or') && Array.isArray(value) && value.length > 0)
      for (const item of value) yield* testsIn(item);
    else if (key === 'not') yield* testsIn(value);
    else {
      yield 0;
      if (key === 'performed' && isRecord(value) && value['where'] !== undefined) yield* testsIn(value['where']);
    }
  }
}

/** Each operator is a test. */
function* testsAt(path: string, value: unknown): Generator<number> {
  const keys = keysOf(path);
  const operators = isRecord(value) ? Object.keys(value).length : 1;
  for (let index = 0; index < Math.max(operators, 1); index += 1) yield keys;
}

function keysOf(path: string): number {
  try {
    return parsePath(path).length;
  } catch {
    return 0;
  }
}
