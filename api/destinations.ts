import { z } from 'zod';
import { listDestinations, type DestinationFigures } from '../db/destination-list.ts';
import type { DestinationRow } from '../db/destinations.ts';
import type { Db } from '../db/open.ts';
import { MAX_IN_FLIGHT } from '../domain/delivery/admission.ts';
import { BREAKER_WINDOW_MS, breakerState } from '../domain/delivery/breaker.ts';
import { page } from './answers/common.ts';
import { destination as destinationAnswer } from './answers/operation.ts';
import { route, type Route } from './route.ts';
import { noParams, pageQuery } from './schemas.ts';

/** Where requests have gone: what is under way there, who waits, and whether it is left alone. */
export const destinationRoutes = ({ db, now }: { db: Db; now: () => Date }): Route[] => [
  route({
    method: 'get',
    path: '/v1/destinations',
    summary: 'Shows where requests go, and who waits for what there',
    scope: 'operate',
    params: noParams,
    query: z.strictObject(pageQuery),
    body: null,
    answers: { 200: page(destinationAnswer) },
    handle: async ({ query }) => {
      const at = now();
      const { data, nextCursor } = await listDestinations(db, query, {
        now: at,
        since: new Date(at.getTime() - BREAKER_WINDOW_MS),
      });
      return { status: 200, body: { data: data.map((each) => shown(each, at)), nextCursor } };
    },
  }),
];

function shown(destination: DestinationRow & DestinationFigures, now: Date) {
  const { id, shown: origin, createdAt, openUntil, openings, inFlight, parked, oldest, recent } = destination;
  const { slot = 0, rateLimit = 0, breaker = 0 } = parked;
  const { sent = 0, retryable = 0, rejected = 0, blocked = 0, unknown = 0 } = recent;
  return {
    id,
    origin,
    createdAt,
    inFlight,
    limit: MAX_IN_FLIGHT,
    parked: { slot, rateLimit, breaker, oldestSince: oldest },
    breaker: { state: breakerState(openUntil, now), until: openUntil, openings },
    recent: { minutes: BREAKER_WINDOW_MS / 60_000, sent, retryable, rejected, blocked, unknown },
  };
}
