import { findDelivery, type AttemptRow, type DeliveryDetail } from '../db/deliveries.ts';
import type { Db } from '../db/open.ts';
import { HooklineError } from '../domain/errors.ts';
import type { MappingResult } from '../domain/journey/map-answer.ts';
import type { ShownRequest } from '../domain/journey/render-delivery.ts';
import { route, type Route } from './route.ts';
import { idParams, noQuery } from './schemas.ts';

export const deliveryRoutes = ({ db }: { db: Db }): Route[] => [
  route({
    method: 'get',
    path: '/v1/deliveries/:id',
    scope: 'operate',
    params: idParams,
    query: noQuery,
    body: null,
    handle: async ({ params }) => {
      const delivery = await findDelivery(db, params.id);
      if (!delivery)
        throw new HooklineError(
          'deliveries.not_found',
          `No delivery has the id "${params.id}". A journey lists its own.`,
        );
      return { status: 200, body: shown(delivery) };
    },
  }),
];

function shown(delivery: DeliveryDetail) {
  const { id, state, revision, campaignId, version, stepId, journeyId, person, missing, createdAt, updatedAt, sentAt } =
    delivery;
  return {
    id,
    state,
    waitsFor: delivery.parked ?? (state === 'attempted' ? { reason: 'retry', until: delivery.nextAttemptAt } : null),
    revision,
    campaign: campaignId,
    version,
    step: stepId,
    journey: journeyId,
    webhook: null,
    person,
    idempotencyKey: id,
    missing,
    createdAt,
    updatedAt,
    sentAt,
    expiresAt: null,
    request: delivery.request && shownRequest(delivery.request),
    attempts: delivery.attempts.map(shownAttempt),
    mapping: shownMapping(delivery.mapping),
    error: delivery.error,
    decision: null,
  };
}

/** Postgres orders the keys of jsonb its own way; people read these in this one. */
export const shownRequest = ({ method, url, headers, body }: ShownRequest) => ({
  method,
  url,
  headers: byName(headers),
  body,
});

/** Values of a name that came more than once stand together, as in RFC 9110, 5.3. */
function byName(headers: [string, string][]): Record<string, string> {
  const values = new Map<string, string[]>();
  for (const [name, value] of headers) values.set(name, [...(values.get(name) ?? []), value]);
  return Object.fromEntries([...values].map(([name, all]) => [name, all.join(', ')]));
}

export const shownMapping = ({ state, attributes, absent, error }: MappingResult) => ({
  state,
  attributes,
  absent,
  error,
});

function shownAttempt(attempt: AttemptRow) {
  const { id, number, trigger, startedAt, durationMs, phases, status, error, nextAttemptAt } = attempt;
  return {
    id,
    number,
    trigger,
    startedAt,
    durationMs,
    phases,
    status,
    class: attempt.class,
    error,
    response:
      status === null
        ? null
        : {
            headers: byName(attempt.responseHeaders ?? []),
            // Any bytes were stored; what is no UTF-8 shows as U+FFFD.
            body: attempt.responseBody?.toString('utf8') ?? '',
            truncated: attempt.truncated,
          },
    nextAttemptAt,
  };
}
