import { DrizzleQueryError } from 'drizzle-orm';

/**
 * An error that may be kept outside the database, and says something: of Drizzle's, which quote every parameter of their query in
 * message, stack and fields, only why the database refused and its `code` (SQLSTATE, or the system's where there was no connection).
 */
export function plainError(error: unknown): Error {
  if (!(error instanceof Error)) return new Error(String(error));
  const isDrizzles = error instanceof DrizzleQueryError;
  if (error.message && !isDrizzles) return error;
  const told = isDrizzles ? error.cause : error;
  const code = told && 'code' in told ? told.code : undefined;
  const several = told instanceof AggregateError ? told.errors.map((one) => plainError(one).message).join(', ') : '';
  const why = told?.message || several || String(code ?? 'it gave no reason');
  const plain = new Error(isDrizzles ? `the database failed: ${why}` : why);
  return Object.assign(plain, { stack: isDrizzles ? String(plain) : error.stack, code });
}
