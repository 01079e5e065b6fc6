import type { Db } from '../db/open.ts';
import { setSuppressed } from '../db/suppress.ts';
import { personNotFound, shownPerson } from './people.ts';
import { route, type Route } from './route.ts';
import { idParams, noQuery } from './schemas.ts';

/** What an operator does to a person. */
export const personActionRoutes = ({ db }: { db: Db }): Route[] =>
  (['suppress', 'unsuppress'] as const).map((action) =>
    route({
      method: 'post',
      path: `/v1/people/:id/${action}`,
      scope: 'operate',
      params: idParams,
      query: noQuery,
      body: null,
      handle: async ({ params }) => {
        const person = await setSuppressed(db, params.id, action === 'suppress');
        if (!person) throw personNotFound(params.id);
        return { status: 200, body: shownPerson(person) };
      },
    }),
  );
