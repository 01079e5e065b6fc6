import { z } from 'zod';
import type { Db } from '../db/open.ts';
import { findPerson, putPerson, type PersonRow } from '../db/people.ts';
import { HooklineError } from '../domain/errors.ts';
import { person } from './answers/people.ts';
import { route, type Route } from './route.ts';
import { fields, idParams, noQuery } from './schemas.ts';

/** `PUT` creates or merges, `null` removes an attribute; `GET` reads. */
export const peopleRoutes = ({ db }: { db: Db }): Route[] => [
  route({
    method: 'put',
    path: '/v1/people/:id',
    summary: 'Creates a person or merges attributes',
    scope: 'ingest',
    params: idParams,
    query: noQuery,
    body: z.strictObject({ attributes: fields.default({}) }),
    examples: [{ attributes: { first_name: 'Ada', plan: 'gold', old_plan: null } }],
    answers: { 200: person },
    errors: ['people.too_large'],
    handle: async ({ params, body }) => ({ status: 200, body: shown(await putPerson(db, params.id, body.attributes)) }),
  }),
  route({
    method: 'get',
    path: '/v1/people/:id',
    summary: 'Shows a person',
    scope: 'operate',
    params: idParams,
    query: noQuery,
    body: null,
    answers: { 200: person },
    errors: ['people.not_found'],
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
