import type { ErrorRequestHandler, RequestHandler, Response } from 'express';
import type { Logger } from 'pino';
import type { z } from 'zod';
import { isDeadlock, isDiskFull, isUnavailable } from '../db/unavailable.ts';
import { HooklineError } from '../domain/errors.ts';
import { dialectAt, plainStatus, type Dialect } from './dialect.ts';
import type { problemSchema } from './problem-schema.ts';
import { PROBLEMS } from './problems.ts';
import type { Answer, Route } from './route.ts';

/** Sees each answer before it is sent, and throws where it is not as documented: for tests. */
export type Inspect = (route: Route, answer: Answer) => void;

/**
 * Answers `application/problem+json` (RFC 9457), or what a dialect has in its place. Whatever was not expected becomes `internal.error`,
 * with its text in the log only.
 */
export function problems(log: Logger, dialects: Dialect[], inspect?: Inspect): ErrorRequestHandler {
  return (thrown: unknown, request, response, _next) => {
    const error = expected(thrown);
    if (!error) log.error({ err: thrown, requestId: requestId(response), method: request.method }, 'a request failed');
    else if (error.code === 'internal.unavailable') log.warn({ err: thrown }, unavailableText(thrown));
    sendProblem(
      response,
      error ?? new HooklineError('internal.error', 'Try again; if it stays, look for the requestId in the log.'),
      response.locals.route?.dialect ?? dialectAt(dialects, request.path),
      inspect,
    );
  };
}

export const noSuchRoute =
  (dialects: Dialect[]): RequestHandler =>
  (request, response) => {
    const message = `${request.method} ${request.path} does not exist. The routes are listed in the documentation.`;
    sendProblem(response, new HooklineError('route.not_found', message), dialectAt(dialects, request.path));
  };

function sendProblem(response: Response, error: HooklineError, dialect?: Dialect, inspect?: Inspect): void {
  const { status, title } = PROBLEMS[error.code];
  if (response.headersSent) return void response.destroy();
  if (status === 503 || error.code === 'idempotency.in_progress') response.set('Retry-After', '1');
  if (status === 401) response.set('WWW-Authenticate', dialect?.challenge ?? 'Bearer');
  const problem: z.infer<typeof problemSchema> = {
    type: `urn:hookline:error:${error.code}`,
    title,
    status,
    code: error.code,
    detail: error.message,
    requestId: requestId(response),
    ...(error.errors.length > 0 && { errors: error.errors }),
  };
  if (response.locals.route) inspect?.(response.locals.route, { status, body: problem });
  if (dialect) {
    const failure = dialect.failureOf(error.message);
    return void response.status(plainStatus(status)).type('application/json').send(JSON.stringify(failure));
  }
  response.status(status).type('application/problem+json').send(JSON.stringify(problem));
}

function unavailableText(thrown: unknown): string {
  if (isDiskFull(thrown)) return 'Postgres has no room left';
  return isDeadlock(thrown) ? 'Postgres gave up a request that deadlocked' : 'Postgres cannot be reached';
}

const requestId = (response: Response): string => String(response.locals.requestId);

/** Our own errors as they are, those of Express's parsers by what they mean; undefined for everything else. */
function expected(thrown: unknown): HooklineError | undefined {
  if (thrown instanceof HooklineError) return thrown;
  if (isUnavailable(thrown))
    return new HooklineError(
      'internal.unavailable',
      'The database cannot be reached. Send the request again: what carries an id of yours is stored once.',
      { cause: thrown },
    );
  if (isDiskFull(thrown))
    return new HooklineError(
      'internal.unavailable',
      'The database has no room left. Send the request again: what carries an id of yours is stored once.',
      { cause: thrown },
    );
  if (isDeadlock(thrown))
    return new HooklineError(
      'internal.unavailable',
      'Requests at the same time waited for one another. Send this one again: what carries an id of yours is stored once.',
      { cause: thrown },
    );
  if (!(thrown instanceof Error) || !('status' in thrown)) return undefined;
  const options = { cause: thrown };
  if (thrown.status === 413)
    return new HooklineError('body.too_large', 'Send a smaller body: see the limits in the documentation.', options);
  if (thrown.status === 415)
    return new HooklineError(
      'body.unsupported_type',
      'Send the body without a Content-Encoding, or with gzip.',
      options,
    );
  if (thrown.status === 400)
    return new HooklineError('body.malformed', `The request cannot be read: ${thrown.message}.`, options);
  return undefined;
}
