import { WORKER_LOST } from '../db/deliveries.ts';
import type { ListedAttempt, ListedDelivery, ListedRequest } from '../db/delivery-list.ts';
import type { ResendRow } from '../db/resends.ts';
import type { Actor, Decision } from '../db/schema/deliveries.ts';
import type { MappingResult } from '../domain/journey/map-answer.ts';
import type { ShownDelivery } from './answers/deliveries.ts';

export const shownDeliveries = (deliveries: ListedDelivery[], now: Date): ShownDelivery[] =>
  deliveries.map((delivery) => shownDelivery(delivery, now));

/** A delivery as the API answers it; bodies that were not read are left out. */
export function shownDelivery(delivery: ListedDelivery, now: Date): ShownDelivery {
  const { id, state, revision, campaignId, version, stepId, journeyId, webhookId, person, missing } = delivery;
  const { createdAt, updatedAt, sentAt } = delivery;
  return {
    id,
    state,
    waitsFor: waitsFor(delivery),
    revision,
    campaign: campaignId,
    version,
    step: stepId,
    journey: journeyId,
    webhook: webhookId,
    person,
    idempotencyKey: id,
    missing,
    createdAt,
    updatedAt,
    sentAt,
    expiresAt: delivery.expiresAt,
    request: delivery.request && shownRequest(delivery.request),
    attempts: delivery.attempts.map((attempt) => shownAttempt(attempt, now)),
    resends: delivery.resends.map(shownResend),
    mapping: shownMapping(delivery.mapping),
    error: delivery.error,
    decision: delivery.decision && shownDecision(delivery.decision),
  };
}

function waitsFor({ state, parked, expiresAt, nextAttemptAt, resends }: ListedDelivery): ShownDelivery['waitsFor'] {
  if (state === 'drafted') return { reason: 'approval', until: expiresAt };
  if (parked) return parked;
  const until = resends.at(-1)?.nextAttemptAt ?? null;
  if (until) return { reason: 'retry', until };
  return state === 'attempted' && nextAttemptAt ? { reason: 'retry', until: nextAttemptAt } : null;
}

const shownResend = ({ id, by, reason, retry, createdAt, endedAt, error }: ResendRow) => ({
  id,
  by: shownActor(by),
  reason,
  retry,
  createdAt,
  endedAt,
  error,
});

const shownActor = ({ key, actor }: Actor) => ({ key, actor });

const shownDecision = ({ by, at, decision, reason }: Decision) => ({
  by: by && shownActor(by),
  at,
  decision,
  reason,
});

/** Postgres orders the keys of jsonb its own way; people read these in this one. */
export const shownRequest = ({ method, url, headers, body }: ListedRequest) => ({
  method,
  url,
  headers: byName(headers),
  ...(body !== undefined && { body }),
});

/** Values of a name that came more than once stand together, as in RFC 9110, 5.3. */
export function byName(headers: [string, string][]): Record<string, string> {
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

function shownAttempt(attempt: ListedAttempt, now: Date) {
  const { id, number, trigger, startedAt, durationMs, phases, status, nextAttemptAt } = attempt;
  // Nobody closes the attempt of a killed worker where no other one follows, as after the end of its journey.
  const isLost = attempt.class === 'started' && attempt.inFlightUntil < now;
  return {
    id,
    number,
    trigger,
    startedAt,
    durationMs,
    phases,
    status,
    class: isLost ? 'unknown' : attempt.class,
    error: isLost ? WORKER_LOST : attempt.error,
    response:
      status === null
        ? null
        : {
            headers: byName(attempt.responseHeaders ?? []),
            // Any bytes were stored; what is no UTF-8 shows as U+FFFD.
            ...(attempt.responseBody !== undefined && { body: attempt.responseBody?.toString('utf8') ?? '' }),
            truncated: attempt.truncated,
          },
    nextAttemptAt,
  };
}
