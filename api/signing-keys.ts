import type { Logger } from 'pino';
import { z } from 'zod';
import type { Cipher } from '../db/cipher.ts';
import type { Db } from '../db/open.ts';
import { listSigningKeys, rotateSigningKey } from '../db/signing-keys.ts';
import { signingSecretFault } from '../domain/delivery/signature.ts';
import { durationSchema, parseDurationMs } from '../domain/input/duration.ts';
import { page as pageOf } from './answers/common.ts';
import { signingKey } from './answers/operation.ts';
import { route, type Route } from './route.ts';
import { noParams, noQuery, pageQuery } from './schemas.ts';

const DEFAULT_OVERLAP = '24h';

const secret = z
  .string()
  .max(8192)
  .superRefine((text, context) => {
    const fault = signingSecretFault(text);
    if (fault) context.addIssue(fault);
  });

const overlap = z.union([z.literal('0s'), durationSchema({ max: '7d' })], {
  error: 'write 0s, or a duration of up to 7d such as 24h',
});

/** The keys that receivers verify requests with, and a new one in their place; that they were read or changed is logged. */
export const signingKeyRoutes = ({ db, cipher, log }: { db: Db; cipher: Cipher; log: Logger }): Route[] => [
  route({
    method: 'get',
    path: '/v1/signing-keys',
    summary: 'Shows the keys that requests are signed with',
    scope: 'admin',
    params: noParams,
    query: z.strictObject(pageQuery),
    body: null,
    answers: { 200: pageOf(signingKey) },
    handle: async ({ query }) => {
      const page = await listSigningKeys(db, cipher, query);
      log.info({ signingKeys: page.data.map(({ id }) => id) }, 'signing keys were read');
      return { status: 200, body: page };
    },
  }),
  route({
    method: 'post',
    path: '/v1/signing-keys/rotate',
    summary: 'Adds a signing key, and ends those before it',
    scope: 'admin',
    params: noParams,
    query: noQuery,
    body: z.strictObject({ secret: secret.optional(), overlap: overlap.default(DEFAULT_OVERLAP) }).prefault({}),
    examples: [{ overlap: '24h' }],
    answers: { 201: signingKey },
    errors: ['signing.too_many_keys'],
    repeatable: true,
    handle: async ({ body, db: tx }) => {
      const overlapMs = body.overlap === '0s' ? 0 : parseDurationMs(body.overlap);
      const key = await rotateSigningKey(tx, cipher, { secret: body.secret, overlapMs });
      const rotated = { signingKey: key.id, imported: body.secret !== undefined, overlapMs };
      return { status: 201, body: key, after: () => log.info(rotated, 'the signing key was rotated') };
    },
  }),
];
