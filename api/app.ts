import express, { type Express, type Request, type RequestHandler, type Response } from 'express';
import type { Logger } from 'pino';
import type { Cipher } from '../db/cipher.ts';
import { newId } from '../db/id.ts';
import type { Db } from '../db/open.ts';
import { parseInput } from '../domain/input/faults.ts';
import { authorize, NOBODY } from './authorize.ts';
import { isNdjson, MAX_NDJSON_BYTES, parseBody } from './body.ts';
import { noSuchRoute, problems, type Inspect } from './errors.ts';
import type { KeyRing } from './key-ring.ts';
import type { Metrics } from './metrics.ts';
import { answerOnce } from './repeatable.ts';
import { requestLog } from './request-log.ts';
import { takenBody, type Answer, type Route } from './route.ts';
import { assertStorable } from './storable.ts';

const DEFAULT_MAX_BYTES = 1024 * 1024;

export type AppOptions = {
  routes: Route[];
  keys: Pick<KeyRing, 'find'>;
  db: Db;
  cipher: Cipher;
  now: () => Date;
  metrics: Pick<Metrics, 'served'>;
  log: Logger;
  inspect?: Inspect;
};

/** The HTTP API over a list of routes: key, then path, query and body against their schemas, then the handler. */
export function createApp({ routes, keys, metrics, now, log, inspect, ...stores }: AppOptions): Express {
  const allow = authorize(keys, now);
  const dialects = [...new Set(routes.flatMap(({ dialect }) => dialect ?? []))];
  const app = express();
  app.disable('x-powered-by');
  app.set('query parser', 'simple');
  app.use(requestLog(log, metrics));
  app.use((_request, response, next) => {
    const requestId = newId('req');
    response.locals.requestId = requestId;
    response.set('X-Request-Id', requestId);
    next();
  });
  for (const route of routes) {
    const name: RequestHandler = (_request, response, next) => {
      response.locals.route = route;
      next();
    };
    const asking = route.scope ? [allow(route.scope, route.dialect)] : [];
    const reading = takenBody(route) ? readers(route) : [];
    const guards = route.dialect?.keyInBody ? [...reading, ...asking] : [...asking, ...reading];
    app[route.method](route.path, name, ...guards, async (request, response) => {
      const caller = response.locals.caller ?? NOBODY;
      const sent: unknown = response.locals.sent;
      const input = { ...inputOf(route, request, sent), caller, idempotencyKey: request.get('idempotency-key') };
      const handle = (db: Db) => route.handle({ ...input, db });
      const answer: Answer & { isRepeat?: boolean } = await (route.repeatable
        ? answerOnce(stores, request, caller, handle)
        : handle(stores.db));
      if (!answer.isRepeat) inspect?.(route, answer);
      await answer.after?.();
      send(response, route, answer);
    });
  }
  app.use(noSuchRoute(dialects));
  app.use(problems(log, dialects, inspect));
  return app;
}

function inputOf(route: Route, request: Request, sent: unknown) {
  assertStorable(request.params, 'path');
  assertStorable(request.query, 'query');
  if (!route.judgesItems) assertStorable(sent);
  const taken = takenBody(route);
  return {
    params: parseInput(route.params, request.params, { prefix: 'path' }),
    query: parseInput(route.query, request.query, { prefix: 'query' }),
    body: taken ? parseInput(taken, sent) : undefined,
  };
}

function send(response: Response, { produces }: Route, answer: Answer & { isRepeat?: boolean }): void {
  response.status(answer.status);
  if (answer.isRepeat) response.set('Idempotent-Replayed', 'true');
  response.type(produces ?? 'application/json');
  response.send(typeof answer.body === 'string' ? answer.body : JSON.stringify(answer.body));
}

/** Whoever reads a body leaves none to the next; what it says is left in `response.locals.sent`. */
const readers = (route: Route): RequestHandler[] => [
  ...(route.judgesItems === true ? [express.raw({ type: isNdjson, limit: MAX_NDJSON_BYTES })] : []),
  express.raw({ type: () => true, limit: route.maxBytes ?? DEFAULT_MAX_BYTES }),
  async (request, response, next) => {
    response.locals.sent = await parseBody(request, route);
    next();
  },
];
