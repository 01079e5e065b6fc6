import { z } from 'zod';
import { erasePerson } from '../db/erase-person.ts';
import { mergePeople } from '../db/merge-people.ts';
import type { Db } from '../db/open.ts';
import { setSuppressed } from '../db/suppress.ts';
import { HooklineError } from '../domain/errors.ts';
import { unfitSegments } from '../domain/segment/unfit-segments.ts';
import { erased, person as personAnswer } from './answers/people.ts';
import { personNotFound, shownPerson } from './people.ts';
import { route, type Route } from './route.ts';
import { clientId, idParams, noQuery } from './schemas.ts';
import { refuseFaults } from './try-out.ts';

const SUMMARY = { suppress: 'Lets nothing begin for a person, nor be sent', unsuppress: 'Takes that back' };

type Dependencies = { db: Db; wake: () => void; wakeCarrier: () => void };

/** What an operator does to a person. */
export const personActionRoutes = ({ db, wake, wakeCarrier }: Dependencies): Route[] => [
  ...(['suppress', 'unsuppress'] as const).map((action) =>
    route({
      method: 'post',
      path: `/v1/people/:id/${action}`,
      summary: SUMMARY[action],
      scope: 'operate',
      params: idParams,
      query: noQuery,
      body: null,
      answers: { 200: personAnswer },
      errors: ['people.not_found'],
      handle: async ({ params: { id } }) => {
        const person = await setSuppressed(db, id, action === 'suppress');
        if (!person) throw personNotFound(id);
        return { status: 200, body: shownPerson(person) };
      },
    }),
  ),
  route({
    method: 'post',
    path: '/v1/people/:id/merge',
    summary: 'Makes one person of two',
    scope: 'operate',
    params: idParams,
    query: noQuery,
    body: z.strictObject({ into: clientId }),
    examples: [{ into: 'ada' }],
    answers: { 200: personAnswer },
    errors: ['people.not_found', 'people.too_large'],
    repeatable: true,
    handle: async ({ params: { id }, body: { into }, db: tx }) => {
      refuseFaults(into === id ? [{ path: 'into', message: 'is the same person; name another one' }] : []);
      const merged = await mergePeople(tx, id, into, unfitSegments);
      if (merged === 'nobody') throw nobodyToMerge(id);
      if (merged === 'noInto') throw nobodyToMergeInto(into);
      return { status: 200, body: shownPerson(merged), after: wake };
    },
  }),
  route({
    method: 'delete',
    path: '/v1/people/:id',
    summary: 'Erases a person',
    scope: 'admin',
    params: idParams,
    query: noQuery,
    body: null,
    answers: { 200: erased },
    errors: ['people.not_found'],
    handle: async ({ params: { id } }) => {
      if (!(await erasePerson(db, id))) throw personNotFound(id);
      wakeCarrier();
      return { status: 200, body: { id, deleted: true as const } };
    },
  }),
];

const nobodyToMerge = (id: string) =>
  new HooklineError(
    'people.not_found',
    `No person has the id "${id}": nobody ever had, or they were merged or erased already. Nothing was merged.`,
  );

function nobodyToMergeInto(into: string): HooklineError {
  const message = `nobody has the id "${into}"; PUT /v1/people/… first`;
  return new HooklineError('input.invalid', `into: ${message}. Nothing was merged.`, {
    errors: [{ path: 'into', message }],
  });
}
