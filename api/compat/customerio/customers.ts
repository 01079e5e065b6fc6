import { z } from 'zod';
import { erasePerson } from '../../../db/erase-person.ts';
import { mergePeople } from '../../../db/merge-people.ts';
import type { Db } from '../../../db/open.ts';
import { putPerson, whileThere } from '../../../db/people.ts';
import { setSuppressed } from '../../../db/suppress.ts';
import { unfitSegments } from '../../../domain/segment/unfit-segments.ts';
import { route, type Route } from '../../route.ts';
import { fields, idParams, noParams } from '../../schemas.ts';
import { refuseFaults } from '../../try-out.ts';
import { assertOperator } from '../assert-operator.ts';
import { mergeInto } from '../merge-into.ts';
import { anyId } from '../schemas.ts';
import { parseProfile } from './profile.ts';
import { nothing, shared } from './shared.ts';

const path = '/compat/customerio/api/v1/customers/:id';
const profile = { email: 'ada@example.com', created_at: 1767225600, plan: 'gold', anonymous_id: 'visitor-7' };

const SAME = 'is the same person; name another one';
const NOBODY = 'nobody has this id; nothing was merged';
const NO_OTHER_IDS = 'people are known by their id alone here; send { "id" }';

/** An email stands for the id, as it does in a path. */
const identifier = z
  .strictObject({ id: anyId().optional(), email: anyId().optional() }, { error: NO_OTHER_IDS })
  .transform(({ id, email }) => id ?? email ?? '')
  .refine((id) => id !== '', NO_OTHER_IDS);

type Dependencies = { db: Db; wake: () => void; wakeCarrier: () => void };

/** Customer.io's calls for people. What is done already is no fault, as there. */
export const customerRoutes = ({ db, wake, wakeCarrier }: Dependencies): Route[] => [
  route({
    ...shared,
    method: 'put',
    path,
    summary: 'Merges attributes of a person, as Customer.io does',
    scope: 'ingest',
    params: idParams,
    body: fields,
    examples: [profile],
    answers: { 200: nothing },
    errors: ['people.too_large'],
    handle: async ({ params: { id }, body, caller }) => {
      const { attributes, anonymousId, onlyUpdate } = parseProfile(id, body);
      if (anonymousId !== null) assertOperator(caller, 'anonymous_id', 'it makes one person of two');
      const put = (tx: Db) => putPerson(tx, id, attributes);
      const person = onlyUpdate ? await whileThere(db, id, put) : await put(db);
      if (person && anonymousId !== null) await mergeInto(db, anonymousId, id);
      const after = () => {
        if (person?.isLeft || anonymousId !== null) wake();
      };
      return { status: 200, body: {}, after };
    },
  }),
  route({
    ...shared,
    method: 'delete',
    path,
    summary: 'Erases a person, as Customer.io does',
    scope: 'admin',
    params: idParams,
    body: null,
    answers: { 200: nothing },
    handle: async ({ params: { id } }) => {
      const isErased = await erasePerson(db, id);
      return { status: 200, body: {}, after: () => (isErased ? wakeCarrier() : undefined) };
    },
  }),
  route({
    ...shared,
    method: 'post',
    path: `${path}/suppress`,
    summary: 'Lets nothing begin for a person, nor be sent, and keeps what is known of them',
    scope: 'operate',
    params: idParams,
    body: null,
    answers: { 200: nothing },
    handle: async ({ params: { id } }) => {
      if (!(await setSuppressed(db, id, true))) await makeSuppressed(db, id);
      return { status: 200, body: {} };
    },
  }),
  route({
    ...shared,
    method: 'post',
    path: `${path}/unsuppress`,
    summary: 'Takes that back',
    scope: 'operate',
    params: idParams,
    body: null,
    answers: { 200: nothing },
    handle: async ({ params: { id } }) => {
      await setSuppressed(db, id, false);
      return { status: 200, body: {} };
    },
  }),
  route({
    ...shared,
    method: 'post',
    path: '/compat/customerio/api/v1/merge_customers',
    summary: 'Makes one person of two, as Customer.io does',
    scope: 'operate',
    params: noParams,
    body: z.object({ primary: identifier, secondary: identifier }),
    examples: [{ primary: { id: 'ada' }, secondary: { id: 'visitor-7' } }],
    answers: { 200: nothing },
    errors: ['people.too_large'],
    handle: async ({ body: { primary, secondary } }) => {
      refuseFaults(primary === secondary ? [{ path: 'secondary', message: SAME }] : []);
      const merged = await mergePeople(db, secondary, primary, unfitSegments);
      refuseFaults(merged === 'noInto' ? [{ path: 'primary', message: NOBODY }] : []);
      return { status: 200, body: {}, after: wake };
    },
  }),
];

/** Nobody is there before they are suppressed. */
const makeSuppressed = (db: Db, id: string) =>
  db.transaction(async (tx) => {
    await putPerson(tx, id, {});
    await setSuppressed(tx, id, true);
  });
