import { z } from 'zod';
import type { Cipher } from '../db/cipher.ts';
import type { Db } from '../db/open.ts';
import { deleteSecret, listSecrets, putSecret } from '../db/secrets.ts';
import { HooklineError } from '../domain/errors.ts';
import { page } from './answers/common.ts';
import { secretName } from './answers/operation.ts';
import { route, type Route } from './route.ts';
import { namedPageQuery, noParams, noQuery } from './schemas.ts';

const name = z
  .string()
  .regex(/^[a-z][a-z0-9_]{0,62}$/, 'write a name such as crm_key: a-z, 0-9 and _, starting with a letter');

/** A secret is stored encrypted and never read back; templates use it as `{{ secrets.<name> }}`. */
export const secretRoutes = ({ db, cipher }: { db: Db; cipher: Cipher }): Route[] => [
  route({
    method: 'put',
    path: '/v1/secrets/:name',
    summary: 'Stores a secret',
    scope: 'admin',
    params: z.strictObject({ name }),
    query: noQuery,
    body: z.strictObject({
      value: z
        .string()
        .min(8, 'a secret has 8 or more characters, so that it can be found and hidden in logs')
        .max(8192),
    }),
    examples: [{ value: 's3cr3t-of-the-crm' }],
    answers: { 200: secretName },
    handle: async ({ params, body }) => {
      await putSecret(db, cipher, params.name, body.value);
      return { status: 200, body: { name: params.name } };
    },
  }),
  route({
    method: 'get',
    path: '/v1/secrets',
    summary: 'Lists the names of secrets',
    scope: 'admin',
    params: noParams,
    query: z.strictObject(namedPageQuery),
    body: null,
    answers: { 200: page(secretName) },
    handle: async ({ query }) => {
      const { data, nextCursor } = await listSecrets(db, query);
      return { status: 200, body: { data: data.map(({ id }) => ({ name: id })), nextCursor } };
    },
  }),
  route({
    method: 'delete',
    path: '/v1/secrets/:name',
    summary: 'Deletes a secret',
    scope: 'admin',
    params: z.strictObject({ name }),
    query: noQuery,
    body: null,
    answers: { 200: secretName },
    errors: ['secrets.not_found'],
    handle: async ({ params }) => {
      if (!(await deleteSecret(db, params.name))) {
        throw new HooklineError(
          'secrets.not_found',
          `No secret has the name "${params.name}". GET /v1/secrets lists the names.`,
        );
      }
      return { status: 200, body: { name: params.name } };
    },
  }),
];
