import { z } from 'zod';
import { DELIVERY_STATES } from '../../db/schema/deliveries.ts';
import { actor, count, mapping, moment, momentText, phases, shownError, shownRequest } from './common.ts';

export const attemptClass = z.enum(['sent', 'retryable', 'rejected', 'blocked', 'unknown']);

const attempt = z
  .strictObject({
    id: z.string(),
    number: z.int(),
    trigger: z.enum(['automatic', 'manual']),
    startedAt: moment,
    durationMs: z.int().nullable(),
    phases: phases.nullable(),
    status: z.int().nullable(),
    class: z.enum([...attemptClass.options, 'started']),
    error: shownError.nullable(),
    response: z
      .strictObject({
        headers: z.record(z.string(), z.string()),
        body: z.string().optional(),
        truncated: z.boolean(),
      })
      .nullable(),
    nextAttemptAt: moment.nullable(),
  })
  .meta({ id: 'Attempt' });

const resend = z
  .strictObject({
    id: z.string(),
    by: actor,
    reason: z.string().nullable(),
    retry: z.boolean(),
    createdAt: moment,
    endedAt: moment.nullable(),
    error: shownError.nullable(),
  })
  .meta({ id: 'Resend' });

const decision = z
  .strictObject({
    /** Null where nobody decided: it expired, or its journey ended. */
    by: actor.nullable(),
    at: momentText,
    decision: z.enum(['approve', 'discard']),
    reason: z.string().nullable(),
  })
  .meta({ id: 'Decision' });

export const delivery = z
  .strictObject({
    id: z.string(),
    state: z.enum(DELIVERY_STATES),
    waitsFor: z
      .strictObject({
        reason: z.enum(['approval', 'retry', 'breaker', 'rateLimit', 'slot', 'pause']),
        until: moment.nullable(),
      })
      .nullable(),
    revision: z.int(),
    campaign: z.string().nullable(),
    version: z.int().nullable(),
    step: z.string().nullable(),
    journey: z.string().nullable(),
    webhook: z.string().nullable(),
    person: z.string(),
    idempotencyKey: z.string(),
    missing: z.array(z.string()),
    createdAt: moment,
    updatedAt: moment,
    sentAt: moment.nullable(),
    expiresAt: moment.nullable(),
    request: shownRequest.nullable(),
    attempts: z.array(attempt),
    resends: z.array(resend),
    mapping,
    error: shownError.nullable(),
    decision: decision.nullable(),
  })
  .meta({ id: 'Delivery' });

export type ShownDelivery = z.infer<typeof delivery>;

const refusal = z.strictObject({ id: z.string(), code: z.string() });

/** What became of many deliveries at once, or, for a dry run, which ones are meant. */
export const decided = z.union([
  z.strictObject({ decided: count, refused: z.array(refusal) }),
  z.strictObject({ matched: count, sample: z.array(delivery) }),
]);

export const jobStarted = z.strictObject({ job: z.strictObject({ id: z.string() }) });

export const job = z
  .strictObject({
    id: z.string(),
    type: z.enum(['approve', 'discard', 'rerender', 'resend']),
    state: z.enum(['queued', 'running', 'completed']),
    matched: count,
    decided: count,
    refused: z.array(refusal),
    createdAt: moment,
    endedAt: moment.nullable(),
  })
  .meta({ id: 'Job' });
export type ShownJob = z.infer<typeof job>;
