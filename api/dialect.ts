import type { z } from 'zod';

/** What of a request may carry a key. */
export type Keyed = { authorization: string; query: unknown; body: unknown };

/** How the clients of another API send their keys, and what they take for an error. */
export type Dialect = {
  /** Where its routes begin: what there is none for is refused in its words, too. */
  root: string;
  /** How its clients send a key, by the name that `/openapi.json` has for it. */
  scheme: 'basic' | 'clientKey';
  /** The key of a request; undefined where there is none. */
  keyOf(request: Keyed): string | undefined;
  /** Whether the key may stand in the body, which is then read before anybody is asked for it. */
  keyInBody?: boolean;
  /** What to do where there is none. */
  askForKey: string;
  /** `WWW-Authenticate` of a 401. */
  challenge: string;
  failureOf(message: string): unknown;
  /** What `failureOf` makes. */
  failure: z.ZodType;
};

/** The status of theirs for one of ours: whatever is wrong with a body is a 400. */
export const plainStatus = (status: number): number => ([413, 415, 422].includes(status) ? 400 : status);

/** The one that is spoken below a path. */
export function dialectAt(dialects: Dialect[], path: string): Dialect | undefined {
  const below = `${path.toLowerCase()}/`;
  return dialects.find(({ root }) => below.startsWith(`${root}/`));
}
