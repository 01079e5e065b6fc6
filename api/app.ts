import express, { type Express } from 'express';
import type { Logger } from 'pino';
import { newId } from '../db/id.ts';
import { parseInput } from '../domain/input/faults.ts';
import { authorize, NOBODY } from './auth.ts';
import { isNdjson, MAX_NDJSON_BYTES, parseBody } from './body.ts';
import { noSuchRoute, problems } from './errors.ts';
import type { Route } from './route.ts';
import { assertStorable } from './storable.ts';

const DEFAULT_MAX_BYTES = 1024 * 1024;

/** The HTTP API over a list of routes: key, then path, query and body against their schemas, then the handler. */
export function createApp(options: { routes: Route[]; adminKey: string; log: Logger }): Express {
  const allow = authorize(options.adminKey);
  const app = express();
  app.disable('x-powered-by');
  app.set('query parser', 'simple');
  app.use((_request, response, next) => {
    const requestId = newId('req');
    response.locals.requestId = requestId;
    response.set('X-Request-Id', requestId);
    next();
  });
  for (const route of options.routes) {
    const guards = route.scope ? [allow(route.scope)] : [];
    const readBody = route.body ? readers(route) : [];
    app[route.method](route.path, ...guards, ...readBody, async (request, response) => {
      const sent = route.body ? parseBody(request, route) : undefined;
      assertStorable(request.params, 'path');
      assertStorable(request.query, 'query');
      if (!route.judgesItems) assertStorable(sent);
      const answer = await route.handle({
        params: parseInput(route.params, request.params, { prefix: 'path' }),
        query: parseInput(route.query, request.query, { prefix: 'query' }),
        body: route.body ? parseInput(route.body, sent) : undefined,
        caller: response.locals.caller ?? NOBODY,
        idempotencyKey: request.get('idempotency-key'),
      });
      response.status(answer.status).json(answer.body);
    });
  }
  app.use(noSuchRoute);
  app.use(problems(options.log));
  return app;
}

/** Whoever reads a body leaves none to the next. */
const readers = ({ judgesItems, maxBytes = DEFAULT_MAX_BYTES }: Route) => [
  ...(judgesItems ? [express.raw({ type: isNdjson, limit: MAX_NDJSON_BYTES })] : []),
  express.raw({ type: () => true, limit: maxBytes }),
];
