import { route, type Route } from './route.ts';
import { noParams, noQuery } from './schemas.ts';

/** `ready` says what is missing, or nothing: Postgres reachable, migrations done. */
export const healthRoutes = ({ ready }: { ready: () => Promise<string | null> }): Route[] => [
  route({
    method: 'get',
    path: '/healthz',
    scope: null,
    params: noParams,
    query: noQuery,
    body: null,
    handle: async () => ({ status: 200, body: { status: 'ok' } }),
  }),
  route({
    method: 'get',
    path: '/readyz',
    scope: null,
    params: noParams,
    query: noQuery,
    body: null,
    handle: async () => {
      const missing = await ready();
      return missing === null
        ? { status: 200, body: { status: 'ready' } }
        : { status: 503, body: { status: 'waiting', missing } };
    },
  }),
];
