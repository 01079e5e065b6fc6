import type { z } from 'zod';

/** How the clients of another API send their keys, and what they take for an error. */
export type Dialect = {
  /** The key in the header `Authorization`; undefined where there is none. */
  keyOf(authorization: string): string | undefined;
  /** What to do where there is none. */
  askForKey: string;
  /** `WWW-Authenticate` of a 401. */
  challenge: string;
  /** The status of theirs for one of ours. */
  statusOf(status: number): number;
  failureOf(message: string): unknown;
  /** What `failureOf` makes. */
  failure: z.ZodType;
};
