import { z } from 'zod';
import type { Db } from '../db/open.ts';
import { findPerson, putPerson, type PersonRow } from '../db/people.ts';
import { HooklineError } from '../domain/errors.ts';
import { route, type Route } from './route.ts';
import { fields, idParams, noQuery } from './schemas.ts';

/** `PUT` creates or merges, `null` removes an attribute; `GET` reads. */
export const peopleRoutes = ({ db }: { db: Db }): Route[] => [
  route({
    method: 'put',
    path: '/v1/people/:id',
    scope: 'ingest',
    params: idParams,
    query: noQuery,
    body: z.strictObject({ attributes: fields.default({}) }),
    handle: async ({ params, body }) => ({ status: 200, body: shown(await putPerson(db, params.id, body.attributes)) }),
  }),
  route({
    method: 'get',
    path: '/v1/people/:id',
    scope: 'operate',
    params: idParams,
    query: noQuery,
    body: null,
    handle: async ({ params }) => {
      const person = await findPerson(db, params.id);
      if (!person) throw personNotFound(params.id);
      return { status: 200, body: shown(person) };
    },
  }),
];

export const personNotFound = (id: string) =>
  new HooklineError('people.not_found', `No person has the id "${id}". Events and PUT /v1/people/:id create people.`);

const shown = ({ id, key, attributes, suppressed, createdAt, updatedAt }: PersonRow) => ({
  id,
  key,
  attributes,
  suppressed,
  createdAt,
  updatedAt,
});
