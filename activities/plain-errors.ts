import { plainError } from '../db/plain-error.ts';

/** The activity with plain failures: Temporal keeps what it is told of one, and nothing personal may stand there. */
export function withPlainErrors<I, R>(activity: (input: I) => Promise<R>): (input: I) => Promise<R> {
  return (input) =>
    activity(input).catch((error: unknown) => {
      throw plainError(error);
    });
}
