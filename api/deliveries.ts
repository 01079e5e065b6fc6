import { findDelivery, type AttemptRow, type DeliveryDetail } from '../db/deliveries.ts';
import type { Db } from '../db/open.ts';
import { HooklineError } from '../domain/errors.ts';
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
    waitsFor: state === 'attempted' ? { reason: 'retry', until: delivery.nextAttemptAt } : null,
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
    request: delivery.request && { ...delivery.request, headers: Object.fromEntries(delivery.request.headers) },
    attempts: delivery.attempts.map(shownAttempt),
    mapping: delivery.mapping,
    error: delivery.error,
    decision: null,
  };
}

function shownAttempt(attempt: AttemptRow) {
  const { id, number, trigger, startedAt, durationMs, status, error, nextAttemptAt } = attempt;
  return {
    id,
    number,
    trigger,
    startedAt,
    durationMs,
    status,
    class: attempt.class,
    error,
    response:
      status === null
        ? null
        : {
            headers: Object.fromEntries(attempt.responseHeaders ?? []),
            // Any bytes were stored; what is no UTF-8 shows as U+FFFD.
            body: attempt.responseBody?.toString('utf8') ?? '',
            truncated: attempt.truncated,
          },
    nextAttemptAt,
  };
}
