import { DrizzleQueryError } from 'drizzle-orm';

/**
 * An error that may be kept outside the database: of Drizzle's, which quote every parameter of their query in message, stack and
 * fields, only why the database refused and its `code` (SQLSTATE, or the system's where there was no connection).
 */
export function plainError(error: unknown): Error {
  if (!(error instanceof DrizzleQueryError)) return error instanceof Error ? error : new Error(String(error));
  const { cause } = error;
  const code = cause && 'code' in cause ? cause.code : undefined;
  const plain = new Error(`the database failed: ${cause?.message || String(code ?? 'it gave no reason')}`);
  return Object.assign(plain, { stack: String(plain), code });
}
