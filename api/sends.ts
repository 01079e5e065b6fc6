import { createHash } from 'node:crypto';
import { z } from 'zod';
import type { Cipher } from '../db/cipher.ts';
import type { Db } from '../db/open.ts';
import { findPeople } from '../db/people.ts';
import type { MadeDelivery } from '../db/schema/webhooks.ts';
import { createSend, findSend, type SendRequest, type SendResult } from '../db/sends.ts';
import type { VersionCache } from '../db/version-cache.ts';
import { findWebhook } from '../db/webhooks.ts';
import type { CompiledWebhook } from '../domain/campaign/compiled-webhook.ts';
import { HooklineError } from '../domain/errors.ts';
import { parseInput } from '../domain/input/faults.ts';
import { sendAnswer } from './answers/webhooks.ts';
import { assertDataFits, assertItems } from './body.ts';
import { renderSend } from './render-send.ts';
import { route, type Route } from './route.ts';
import { clientId, fields, idParams, noQuery } from './schemas.ts';
import { oneOf, refuseFaults, secretsFor } from './try-out.ts';
import { unknownPeople } from './unknown-people.ts';
import { noWebhook } from './webhooks.ts';

const sendBody = z.strictObject({
  person: clientId.optional(),
  people: z.array(clientId).min(1).optional(),
  data: fields.default({}),
  id: clientId.optional(),
});

type Body = z.infer<typeof sendBody>;
type SendOutcome = Exclude<SendResult, { type: 'erased' }> | { type: 'unknownPeople'; people: string[] };
type Dependencies = {
  db: Db;
  now: () => Date;
  cipher: Cipher;
  webhooks: VersionCache<CompiledWebhook>;
  wakeCarrier: () => void;
};

/** Sends a stored webhook to people, without a campaign. */
export const sendRoutes = ({ db, now, cipher, webhooks, wakeCarrier }: Dependencies): Route[] => {
  /** Renders outside of any transaction, as that may take long for many people; what is stored is decided in one afterwards. */
  async function send(request: SendRequest, body: Body): Promise<SendOutcome> {
    const { webhook } = request;
    const { data } = body;
    const earlier = await findSend(db, request);
    if (earlier) return earlier;
    const stored = await findWebhook(db, webhook);
    if (!stored) return { type: 'noWebhook' };
    const ids = peopleOf(body);
    const found = new Map((await findPeople(db, ids)).map((person) => [person.id, person]));
    const unknown = ids.filter((id) => !found.has(id));
    if (unknown.length > 0) return { type: 'unknownPeople', people: unknown };

    const secrets = await secretsFor({ db, cipher }, stored.definition, true);
    const deliveries = await renderSend(cipher, {
      compiled: await webhooks(db, webhook, stored.version),
      people: ids.flatMap((id) => found.get(id) ?? []),
      data,
      now,
      secrets,
    });
    const lane = body.people ? 1 : 0;
    const result = await createSend(db, { ...request, version: stored.version, data, deliveries, lane });
    return result.type === 'erased' ? send(request, body) : result;
  }

  return [
    route({
      method: 'post',
      path: '/v1/webhooks/:id/send',
      summary: 'Sends a stored webhook to people, without a campaign',
      scope: 'operate',
      params: idParams,
      query: noQuery,
      body: sendBody,
      examples: [{ person: 'ada', data: { code: 4711 }, id: 'signup-17' }],
      keyIsId: true,
      answers: { 202: sendAnswer },
      errors: ['webhooks.not_found', 'events.too_large', 'render.too_large', 'idempotency.mismatch'],
      handle: async ({ params, body, idempotencyKey }) => {
        refuseFaults(oneOf(body, ['person', 'people']));
        assertItems(body.people ?? []);
        assertDataFits(body.data);
        const requestId = requestIdOf(body, idempotencyKey);
        const result = await send({ webhook: params.id, requestId, requestHash: hashOf(body) }, body);
        switch (result.type) {
          case 'noWebhook':
            throw noWebhook(params.id);
          case 'unknownPeople':
            throw unknownPeople(body, new Set(result.people), 'nothing was sent');
          case 'mismatch':
            throw new HooklineError(
              'idempotency.mismatch',
              `The id "${requestId}" was used for a send with other people or data. Take a new id.`,
            );
          case 'stored':
          case 'repeated':
            wakeCarrier();
            return { status: 202, body: shown(body, result.deliveries) };
        }
      },
    }),
  ];
};

/** Each once, in the order in which they are first named. */
const peopleOf = ({ person, people }: Body): string[] => (person === undefined ? [...new Set(people)] : [person]);

/** The body's `id`, for which the header stands where there is none. */
function requestIdOf({ id }: Body, header: string | undefined): string | undefined {
  const key = parseInput(clientId.optional(), header, { prefix: 'Idempotency-Key' });
  const message = 'is not the header Idempotency-Key, which stands for it; send one of them';
  refuseFaults(id !== undefined && key !== undefined && id !== key ? [{ path: 'id', message }] : []);
  return id ?? key;
}

const hashOf = (body: Body) =>
  createHash('sha256')
    .update(JSON.stringify([body.person ?? peopleOf(body), body.data]))
    .digest('hex');

/** The people of a repeated request are those of the first, in the same order. */
function shown(body: Body, deliveries: MadeDelivery[]) {
  const made = deliveries.map(({ id, state }) => ({ id, state }));
  if (body.people === undefined && made[0]) return { delivery: made[0] };
  const people = peopleOf(body);
  return { deliveries: made.map(({ id, state }, index) => ({ id, person: people[index] ?? '', state })) };
}
