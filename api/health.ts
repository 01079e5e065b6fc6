import { z } from 'zod';
import { alive, notReady, ready as readyAnswer } from './answers/operation.ts';
import type { Metrics } from './metrics.ts';
import { route, type Route } from './route.ts';
import { noParams, noQuery } from './schemas.ts';

type Dependencies = { ready: () => Promise<string | null>; metrics: Pick<Metrics, 'contentType' | 'read'> };

/** `ready` says what is missing, or nothing: Postgres reachable, migrations done. */
export const healthRoutes = ({ ready, metrics }: Dependencies): Route[] => [
  route({
    method: 'get',
    path: '/healthz',
    summary: 'Says that the process lives',
    scope: null,
    params: noParams,
    query: noQuery,
    body: null,
    answers: { 200: alive },
    handle: async () => ({ status: 200, body: { status: 'ok' as const } }),
  }),
  route({
    method: 'get',
    path: '/readyz',
    summary: 'Says whether Postgres answers and is migrated',
    scope: null,
    params: noParams,
    query: noQuery,
    body: null,
    answers: { 200: readyAnswer, 503: notReady },
    handle: async () => {
      const missing = await ready();
      return missing === null
        ? { status: 200, body: { status: 'ready' as const } }
        : { status: 503, body: { status: 'waiting' as const, missing } };
    },
  }),
  route({
    method: 'get',
    path: '/metrics',
    summary: 'Shows figures for Prometheus',
    scope: null,
    params: noParams,
    query: noQuery,
    body: null,
    answers: { 200: z.string() },
    produces: metrics.contentType,
    handle: async () => ({ status: 200, body: await metrics.read() }),
  }),
];
