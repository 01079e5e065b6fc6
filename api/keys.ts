import { z } from 'zod';
import { deleteApiKey, insertApiKey, listApiKeys, type ApiKeyRow } from '../db/api-keys.ts';
import type { Db } from '../db/open.ts';
import { rateLimitSchema } from '../domain/delivery/rate-limit.ts';
import { HooklineError } from '../domain/errors.ts';
import { deleted, page } from './answers/common.ts';
import { apiKey, newApiKey } from './answers/operation.ts';
import { digestOf, newKey, type KeyRing } from './key-ring.ts';
import { route, SCOPES, type Route } from './route.ts';
import { idParams, noParams, noQuery, pageQuery, time } from './schemas.ts';

const keyBody = (now: () => Date) =>
  z.strictObject({
    name: z
      .string()
      .min(1)
      .max(255)
      .refine((name) => name !== 'admin', 'admin is the key of the environment; take another name'),
    scope: z.enum(SCOPES),
    expiresAt: time.refine((moment) => moment > now(), 'lies in the past; write a time to come').optional(),
    rateLimit: rateLimitSchema.optional(),
  });

type Dependencies = { db: Db; now: () => Date; keys: Pick<KeyRing, 'changed'> };

/** Keys of the API. A key is shown when it is made, and never again; its name stands wherever something was done with it. */
export const keyRoutes = ({ db, now, keys }: Dependencies): Route[] => [
  route({
    method: 'post',
    path: '/v1/keys',
    summary: 'Makes an API key, and shows it once',
    scope: 'admin',
    params: noParams,
    query: noQuery,
    body: keyBody(now),
    examples: [{ name: 'shop', scope: 'ingest', rateLimit: '100/s', expiresAt: '2099-01-01T00:00:00Z' }],
    answers: { 201: newApiKey },
    errors: ['keys.name_taken'],
    repeatable: true,
    handle: async ({ body: { name, scope, expiresAt = null, rateLimit = null }, db: tx }) => {
      const key = newKey(scope);
      const row = await insertApiKey(tx, { name, scope, digest: digestOf(key), rateLimit, expiresAt });
      if (!row) throw new HooklineError('keys.name_taken', `Another API key has the name "${name}". Take another one.`);
      const { lastUsedAt: _, ...fields } = shown(row);
      return { status: 201, body: { ...fields, key }, after: keys.changed };
    },
  }),
  route({
    method: 'get',
    path: '/v1/keys',
    summary: 'Lists API keys, without the keys themselves',
    scope: 'admin',
    params: noParams,
    query: z.strictObject(pageQuery),
    body: null,
    answers: { 200: page(apiKey) },
    handle: async ({ query }) => {
      const { data, nextCursor } = await listApiKeys(db, query);
      return { status: 200, body: { data: data.map(shown), nextCursor } };
    },
  }),
  route({
    method: 'delete',
    path: '/v1/keys/:id',
    summary: 'Deletes an API key, which is refused from then on',
    scope: 'admin',
    params: idParams,
    query: noQuery,
    body: null,
    answers: { 200: deleted },
    errors: ['keys.not_found'],
    handle: async ({ params: { id } }) => {
      if (!(await deleteApiKey(db, id)))
        throw new HooklineError('keys.not_found', `No API key has the id "${id}". GET /v1/keys lists them.`);
      return { status: 200, body: { id }, after: keys.changed };
    },
  }),
];

const shown = ({ id, name, scope, rateLimit, expiresAt, createdAt, lastUsedAt }: ApiKeyRow) => ({
  id,
  name,
  scope,
  rateLimit,
  expiresAt,
  createdAt,
  lastUsedAt,
});
