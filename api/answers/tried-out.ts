import { z } from 'zod';
import { count, jsonObject, mapping, moment, phases, shownError, shownRequest } from './common.ts';
import { attemptClass } from './deliveries.ts';
import { logLine } from './journeys.ts';

const simulatedDelivery = z.strictObject({
  id: z.string(),
  state: z.enum(['queued', 'drafted', 'skipped', 'failed', 'sent']),
  step: z.string(),
  missing: z.array(z.string()),
  request: shownRequest.nullable(),
  /** What the receiver was taken to answer; null where nothing would be sent. */
  answer: z.strictObject({ status: z.int(), class: z.string() }).nullable(),
  mapping,
  error: shownError.nullable(),
});

export const simulation = z
  .strictObject({
    campaign: z.string(),
    version: z.int().nullable(),
    entry: z.strictObject({ outcome: z.string(), reason: z.string(), values: z.looseObject({}) }),
    warnings: z.array(z.string()),
    journey: z
      .strictObject({
        state: z.string(),
        reason: z.string().nullable(),
        startedAt: moment,
        endedAt: moment,
        log: z.array(logLine),
        deliveries: z.array(simulatedDelivery),
        person: z.strictObject({ id: z.string(), attributes: jsonObject }),
      })
      .nullable(),
  })
  .meta({ id: 'Simulation' });

export const preview = z
  .strictObject({
    request: shownRequest.nullable(),
    missing: z.array(z.string()),
    problems: z.array(z.strictObject({ code: z.string(), message: z.string(), path: z.string().optional() })),
  })
  .meta({ id: 'Preview' });

export const tested = z
  .strictObject({
    idempotencyKey: z.string().nullable(),
    request: shownRequest.nullable(),
    response: z
      .strictObject({
        status: z.int(),
        headers: z.record(z.string(), z.string()),
        body: z.string(),
        truncated: z.boolean(),
      })
      .nullable(),
    class: attemptClass.nullable(),
    error: shownError.nullable(),
    durationMs: count.nullable(),
    phases: phases.nullable(),
    mapping,
    missing: z.array(z.string()),
  })
  .meta({ id: 'Tested' });
