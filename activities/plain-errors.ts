import { DrizzleQueryError } from 'drizzle-orm';

/**
 * The activity, whose failures say why the database refused but not what it was given: Drizzle's errors quote every parameter of
 * their query, and Temporal keeps what it is told of a failure, where nothing personal may stand.
 */
export function withPlainErrors<I, R>(activity: (input: I) => Promise<R>): (input: I) => Promise<R> {
  return (input) =>
    activity(input).catch((error: unknown) => {
      if (!(error instanceof DrizzleQueryError)) throw error;
      throw new Error(`the database failed: ${error.cause?.message ?? 'it gave no reason'}`);
    });
}
