import { z } from 'zod';
import { count, jsonObject, moment, refusedItem } from './common.ts';

export const ingested = z
  .strictObject({
    accepted: count,
    duplicates: count,
    /** In the order of the input, null where an event was refused. */
    ids: z.array(z.string().nullable()),
    errors: z.array(refusedItem),
  })
  .meta({ id: 'Ingested' });

const outcome = z.strictObject({
  campaign: z.string(),
  version: z.int(),
  outcome: z.string(),
  reason: z.string(),
  /** What decided. */
  values: jsonObject,
  journey: z.string().nullable(),
});

export const event = z
  .strictObject({
    id: z.string(),
    person: z.string(),
    name: z.string(),
    data: jsonObject,
    timestamp: moment,
    receivedAt: moment,
    outcomes: z.array(outcome),
    /** Why there are no outcomes. */
    hint: z.string().optional(),
  })
  .meta({ id: 'Event' });
