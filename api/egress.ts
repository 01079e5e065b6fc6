import { egress } from './answers/operation.ts';
import { route, type Route } from './route.ts';
import { noParams, noQuery } from './schemas.ts';

/** Where requests come from, for receivers who let in only whom they know. */
export const egressRoutes = ({ egressAddresses: addresses }: { egressAddresses: string[] }): Route[] => [
  route({
    method: 'get',
    path: '/v1/egress',
    summary: 'Tells the addresses that webhooks come from',
    scope: 'ingest',
    params: noParams,
    query: noQuery,
    body: null,
    answers: { 200: egress },
    handle: async () => ({ status: 200, body: { addresses } }),
  }),
];
