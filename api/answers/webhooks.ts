import { z } from 'zod';
import { moment } from './common.ts';

export const storedWebhook = z
  .strictObject({ id: z.string(), version: z.int(), warnings: z.array(z.string()), next: z.string() })
  .meta({ id: 'StoredWebhook' });

export const webhookSummary = z
  .strictObject({ id: z.string(), version: z.int(), createdAt: moment, updatedAt: moment })
  .meta({ id: 'WebhookSummary' });

export const webhook = z
  .strictObject({
    id: z.string(),
    version: z.int(),
    definition: z.looseObject({}),
    createdAt: moment,
    updatedAt: moment,
  })
  .meta({ id: 'Webhook' });

/** The state that a delivery of a send was made in. */
const made = z.enum(['queued', 'drafted', 'skipped', 'failed']);

export const sendAnswer = z.union([
  z.strictObject({ delivery: z.strictObject({ id: z.string(), state: made }) }),
  z.strictObject({ deliveries: z.array(z.strictObject({ id: z.string(), person: z.string(), state: made })) }),
]);
