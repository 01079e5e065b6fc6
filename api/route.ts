import type { z } from 'zod';

/** What a key may do; each scope includes those before it. */
export const SCOPES = ['ingest', 'operate', 'admin'] as const;
export type Scope = (typeof SCOPES)[number];

/** Who calls: the key's name, and the name that its holder sent along in `X-Hookline-Actor`. */
export type Caller = { key: string; scope: Scope; actor: string | null };

/** What a request says outside of path, query and body; `idempotencyKey` is the header of that name, as it was sent. */
type Surroundings = { caller: Caller; idempotencyKey: string | undefined };

export type Answer = { status: number; body: unknown };

/** One route: what it takes, who may call it, what it does. Everything is validated before `handle` runs. */
export type Route = {
  method: 'get' | 'post' | 'put' | 'patch' | 'delete';
  /** In Express's form: `/v1/people/:id`. */
  path: string;
  /** Null: no key is asked for. */
  scope: Scope | null;
  params: z.ZodType<unknown>;
  query: z.ZodType<unknown>;
  /** Null: the body is not read. */
  body: z.ZodType<unknown> | null;
  /** Most bytes of a body; 1 MiB where absent. */
  maxBytes?: number;
  /** Whether the body may be YAML, as definitions of campaigns may. */
  yaml?: boolean;
  /**
   * Whether the handler judges each item of a list, `assertStorable` included, so that one fault does not refuse the others. The list
   * may come as newline-delimited JSON then.
   */
  judgesItems?: boolean;
  handle(input: { params: unknown; query: unknown; body: unknown } & Surroundings): Promise<Answer>;
};

type Typed<P, Q, B> = Omit<Route, 'params' | 'query' | 'body' | 'handle'> & {
  params: z.ZodType<P>;
  query: z.ZodType<Q>;
  body: z.ZodType<B> | null;
  handle(input: { params: P; query: Q; body: B } & Surroundings): Promise<Answer>;
};

/** Declares a route whose handler sees the types of its schemas. The one cast: the app parses with these very schemas first. */
export const route = <P, Q, B = undefined>(typed: Typed<P, Q, B>): Route => typed as unknown as Route;
