import { z } from 'zod';
import type { Db } from '../../../db/open.ts';
import { findPeople } from '../../../db/people.ts';
import { HooklineError } from '../../../domain/errors.ts';
import { assertItems, MAX_LIST_BYTES } from '../../body.ts';
import { route, type Route } from '../../route.ts';
import { fields, idParams } from '../../schemas.ts';
import { trigger, TRIGGER_ERRORS } from '../../trigger.ts';
import { anyId } from '../schemas.ts';
import { audienceOf, recipients } from './recipients.ts';
import { shared } from './shared.ts';

/** Where the App API has it, where its library asks for it, and both below the URL of the Track API. */
const PLACES = ['v1', 'v1/api', 'api/v1', 'api/v1/api'];

const ONE_OF_THEM = 'send one of ids, emails and recipients';
const not = (why: string) => z.never(why).optional();

const body = z
  .object({
    data: fields.nullish(),
    ids: z.array(anyId()).min(1).optional(),
    id_ignore_missing: z.boolean().nullish(),
    emails: z.array(z.string().min(1)).min(1).optional(),
    recipients: recipients.optional(),
    per_user_data: not('everybody is given the same data here; send ids and data'),
    data_file_url: not('nothing is fetched here; send ids and data'),
  })
  .refine((given) => [given.ids, given.emails, given.recipients].filter(Boolean).length === 1, ONE_OF_THEM);

const answer = z.strictObject({ id: z.string() }).meta({ id: 'CustomerioTrigger' });

type Dependencies = { db: Db; wake: () => void; wakeCarrier: () => void };

/** Customer.io's API-triggered broadcasts: manual campaigns, by their id. */
export const customerTriggerRoutes = ({ db, wake, wakeCarrier }: Dependencies): Route[] =>
  PLACES.map((place) =>
    route({
      ...shared,
      method: 'post',
      path: `/compat/customerio/${place}/campaigns/:id/triggers`,
      summary: 'Enters people into a campaign, as Customer.io triggers a broadcast',
      scope: 'operate',
      params: idParams,
      body,
      maxBytes: MAX_LIST_BYTES,
      examples: [{ ids: ['ada'], data: { code: 4711 } }],
      answers: { 200: answer },
      errors: TRIGGER_ERRORS,
      handle: async ({ params, body: { data, ids, id_ignore_missing: ignoreMissing, ...others } }) => {
        assertItems(ids ?? []);
        const people = ids && ignoreMissing ? await knownOf(db, ids) : ids;
        const whom = people ? { people } : { audience: audienceOf(others) };
        const id = await trigger(db, params.id, { ...whom, data: data ?? {} });
        const after = () => {
          wake();
          wakeCarrier();
        };
        return { status: 200, body: { id }, after };
      },
    }),
  );

async function knownOf(db: Db, ids: string[]): Promise<string[]> {
  const known = (await findPeople(db, ids)).map(({ id }) => id);
  if (known.length > 0) return known;
  const message = 'nobody has any of these ids; nobody was entered';
  throw new HooklineError('input.invalid', `ids: ${message}.`, { errors: [{ path: 'ids', message }] });
}
