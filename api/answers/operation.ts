import { z } from 'zod';
import { SCOPES } from '../../db/schema/api-keys.ts';
import { count, moment } from './common.ts';

export const destination = z
  .strictObject({
    id: z.string(),
    origin: z.string(),
    createdAt: moment,
    inFlight: count,
    limit: count,
    parked: z.strictObject({ slot: count, rateLimit: count, breaker: count, oldestSince: moment.nullable() }),
    breaker: z.strictObject({
      state: z.enum(['closed', 'open', 'halfOpen']),
      until: moment.nullable(),
      openings: count,
    }),
    /** Attempts of the last minutes, by class. */
    recent: z.strictObject({
      minutes: count,
      sent: count,
      retryable: count,
      rejected: count,
      blocked: count,
      unknown: count,
    }),
  })
  .meta({ id: 'Destination' });

export const secretName = z.strictObject({ name: z.string() }).meta({ id: 'SecretName' });

export const signingKey = z
  .strictObject({ id: z.string(), secret: z.string(), activeFrom: moment, retiresAt: moment.nullable() })
  .meta({ id: 'SigningKey' });

const keyFields = {
  id: z.string(),
  name: z.string(),
  scope: z.enum(SCOPES),
  rateLimit: z.string().nullable(),
  expiresAt: moment.nullable(),
  createdAt: moment,
};

export const apiKey = z.strictObject({ ...keyFields, lastUsedAt: moment.nullable() }).meta({ id: 'ApiKey' });

/** `key` is shown this once. */
export const newApiKey = z.strictObject({ ...keyFields, key: z.string() }).meta({ id: 'NewApiKey' });

export const alive = z.strictObject({ status: z.literal('ok') });
export const ready = z.strictObject({ status: z.literal('ready') });
export const notReady = z.strictObject({ status: z.literal('waiting'), missing: z.string() });

/** CIDRs that requests come from. */
export const egress = z.strictObject({ addresses: z.array(z.string()) }).meta({ id: 'Egress' });
