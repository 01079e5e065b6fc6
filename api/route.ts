import { z } from 'zod';
import type { Db } from '../db/open.ts';
import { SCOPES, type Scope } from '../db/schema/api-keys.ts';
import type { ErrorCode } from '../domain/errors.ts';
import type { Dialect } from './dialect.ts';

export { SCOPES, type Scope };

/** Who calls: the key's name and id, and the name that its holder sent along in `X-Hookline-Actor`. */
export type Caller = { key: string; keyId: string; scope: Scope; actor: string | null };

/** What a request says outside of path, query and body; `idempotencyKey` is the header of that name, as it was sent. */
type Surroundings = {
  caller: Caller;
  idempotencyKey: string | undefined;
  /** Postgres; for a `repeatable` route the transaction that also keeps the answer, where the request may be repeated. */
  db: Db;
};

/** `after` is done once all is stored, and before the answer: it tells others, and never fails. */
export type Answer = { status: number; body: unknown; after?: () => void | Promise<void> };

/** The schema of the body by status, of all answers that are no errors. */
export type Answers = Record<number, z.ZodType>;

/** What a handler answers whose bodies have these schemas. */
export type AnswerOf<A extends Answers, S extends keyof A = keyof A> = Pick<Answer, 'after'> & {
  status: S;
  body: z.output<A[S]>;
};

/** One route: what it takes, who may call it, what it does. Everything is validated before `handle` runs. */
export type Route = {
  method: 'get' | 'post' | 'put' | 'patch' | 'delete';
  /** In Express's form: `/v1/people/:id`. */
  path: string;
  /** What it does, in one line of the documentation. */
  summary: string;
  /** Null: no key is asked for. */
  scope: Scope | null;
  params: z.ZodType<unknown>;
  query: z.ZodType<unknown>;
  /** Null: nothing is to be said in it; see `takenBody`. */
  body: z.ZodType<unknown> | null;
  /** What a body looks like, where `body` leaves that to the handler. */
  described?: z.ZodType<unknown>;
  /** Bodies for the documentation, besides those of the schema's own `examples`. */
  examples?: unknown[];
  answers: Answers;
  /** The codes that it answers besides those that every route may. */
  errors?: ErrorCode[];
  /** The Content-Type of the answer, whose body is then a text or bytes; JSON where absent. */
  produces?: string;
  /** Most bytes of a body; 1 MiB where absent. */
  maxBytes?: number;
  /** Whether the body may be YAML, as definitions of campaigns may. */
  yaml?: boolean;
  /** Whether the body may be a form, whose fields are texts. */
  forms?: boolean;
  /**
   * Whether the handler judges each item of a list, `assertStorable` included, so that one fault does not refuse the others. The list
   * may come as newline-delimited JSON then, unless it is `'within'` the body.
   */
  judgesItems?: boolean | 'within';
  /** How it speaks, where it stands in for a route of another API. */
  dialect?: Dialect;
  /** Whether the header `Idempotency-Key` makes the request one that may be repeated: `handle` then writes through its `db` alone. */
  repeatable?: boolean;
  /** Whether that header stands for the `id` of the body. */
  keyIsId?: boolean;
  handle(input: { params: unknown; query: unknown; body: unknown } & Surroundings): Promise<Answer>;
};

type Typed<P, Q, B, A extends Answers, S extends keyof A> = Omit<
  Route,
  'params' | 'query' | 'body' | 'answers' | 'handle'
> & {
  params: z.ZodType<P>;
  query: z.ZodType<Q>;
  body: z.ZodType<B> | null;
  answers: A;
  handle(input: { params: P; query: Q; body: B } & Surroundings): Promise<AnswerOf<A, S>>;
};

/** Of a route without a body: a field that would mean nothing is refused here too. */
const NOTHING = z.strictObject({}).optional();

/** What is read of a body; null: nothing is, as GET has none, and other APIs have their own ways with what they do not need. */
export const takenBody = ({ body, method, dialect }: Pick<Route, 'body' | 'method' | 'dialect'>) =>
  body ?? (method === 'get' || dialect ? null : NOTHING);

/** Declares a route whose handler sees the types of its schemas. The one cast: the app parses with these very schemas first. */
export const route = <P, Q, A extends Answers, S extends keyof A & number, B = undefined>(
  typed: Typed<P, Q, B, A, S>,
): Route => typed as unknown as Route;
