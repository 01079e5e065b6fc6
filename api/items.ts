import { HooklineError } from '../domain/errors.ts';
import { assertStorable } from './storable.ts';

type Refusal = { index: number; error: HooklineError };

/** Judges each item of a list by itself. What could not even be parsed comes as its error already. */
export const judgeItems = <T>(items: unknown[], parse: (item: unknown) => T): (T | HooklineError)[] =>
  items.map((item) => {
    if (item instanceof HooklineError) return item;
    try {
      assertStorable(item);
      return parse(item);
    } catch (error) {
      if (error instanceof HooklineError) return error;
      throw error;
    }
  });

export const validOf = <T>(judged: (T | HooklineError)[]): T[] =>
  judged.flatMap((one) => (one instanceof HooklineError ? [] : [one]));

/** What came of each item: why it was refused before, or else what came of it afterwards, the next of `results`. */
export function outcomesOf<T, R>(judged: (T | HooklineError)[], results: R[]): (R | HooklineError | null)[] {
  const stored = results[Symbol.iterator]();
  return judged.map((one) => (one instanceof HooklineError ? one : (stored.next().value ?? null)));
}

/** Those that were refused. Throws where that is all of them: `what` are then none. */
export function refusalsOf(outcomes: unknown[], { what, isList }: { what: string; isList: boolean }): Refusal[] {
  const refusals = outcomes.flatMap((error, index) => (error instanceof HooklineError ? [{ index, error }] : []));
  if (refusals.length === outcomes.length) throw allRefused(refusals, what, isList);
  return refusals;
}

export const shownRefusals = (refusals: Refusal[]) =>
  refusals.flatMap(({ index, error: { code, errors } }) =>
    errors.map(({ path, message }) => ({ index, code, path, message })),
  );

/** Nothing was stored: a single item answers its own fault, a list all faults, each with the place of its item. */
function allRefused(refusals: Refusal[], what: string, isList: boolean): HooklineError {
  const [first] = refusals;
  if (first && !isList) return first.error;
  const errors = refusals.flatMap(({ index, error }) =>
    error.errors.map(({ path, message }) => ({ path: `[${index}]${path && `.${path}`}`, message })),
  );
  const where = errors[0] ? `${errors[0].path}: ${errors[0].message}` : 'nothing was sent';
  return new HooklineError('input.invalid', `None of the ${what} is valid, first ${where}`, { errors });
}
