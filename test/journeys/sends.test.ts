import { sql } from 'drizzle-orm';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { respond } from '../support/behaviours.ts';
import { eventually } from '../support/eventually.ts';
import { startHookline, type Hookline } from '../support/hookline.ts';
import { expectProblem } from '../support/problem.ts';
import { startReceiver, type Receiver } from '../support/receiver.ts';

let hookline: Hookline;
let receiver: Receiver;

beforeAll(async () => {
  [hookline, receiver] = await Promise.all([startHookline({ retryFirstDelayMs: 100 }), startReceiver()]);
});
afterAll(async () => {
  await hookline.stop();
  await receiver.close();
});

type Made = { id: string; state: string };
type Delivery = Made & { version: number; request: { body: string }; attempts: { class: string; startedAt: string }[] };

const person = (id: string, attributes: object = {}) => hookline.api('PUT', `/v1/people/${id}`, { attributes });
const put = async (id: string, fields: object = {}) => {
  const definition = { url: receiver.url(`/${id}`), body: { json: { id: '{{ customer.id }}' } }, ...fields };
  expect((await hookline.api('PUT', `/v1/webhooks/${id}`, definition)).status).toBe(200);
};
const send = async (webhook: string, body: object) =>
  (await hookline.api<{ delivery: Made; deliveries: Made[] }>('POST', `/v1/webhooks/${webhook}/send`, body)).body;
const sendOne = async (webhook: string, body: object) => (await send(webhook, body)).delivery.id;
const delivery = async (id: string) => (await hookline.api<Delivery>('GET', `/v1/deliveries/${id}`)).body;
const settled = (id: string, state = 'sent') =>
  eventually(async () => {
    const found = await delivery(id);
    return found.state === state && found;
  });
const requestsTo = (webhook: string) => receiver.requests.filter(({ url }) => url === `/${webhook}`);

describe('a send without a campaign', () => {
  it('goes out, and its answer is mapped once, with the data that it was sent with', async () => {
    receiver.on('/order', respond({ json: { total: 40 } }));
    await put('order', {
      response: {
        attributes: {
          total: '{{ customer.total | default: 0 | plus: response.total }}',
          code: '{{ trigger.code }}',
          by: '{{ delivery.id }}',
        },
      },
    });
    await person('ada', { total: 2 });
    const id = await sendOne('order', { person: 'ada', data: { code: 7 } });
    expect(await settled(id)).toMatchObject({ mapping: { state: 'applied' }, attempts: [{ class: 'sent' }] });
    expect(await hookline.attributes('ada')).toEqual({ total: 42, code: 7, by: id });
    expect(requestsTo('order').map(({ headers }) => headers['idempotency-key'])).toEqual([id]);
    expect(requestsTo('order')[0]?.headers['webhook-id']).toBe(id);
    await hookline.client.workflow.getHandle(`delivery/${id}`).result();
  });

  it('counts both of two answers that come at once', async () => {
    receiver.on('/count', respond({ json: { by: 1 } }));
    await put('count', { response: { attributes: { n: '{{ customer.n | default: 0 | plus: response.by }}' } } });
    await person('bob');
    const ids = await Promise.all(Array.from({ length: 8 }, () => sendOne('count', { person: 'bob' })));
    for (const id of ids) await settled(id);
    expect(await hookline.attributes('bob')).toEqual({ n: 8 });
  });

  it('goes to each of many', async () => {
    receiver.on('/many', respond());
    await put('many');
    const people = Array.from({ length: 30 }, (_, index) => `many-${index}`);
    await hookline.api(
      'POST',
      '/v1/events',
      people.map((id) => ({ person: id, name: 'x' })),
    );
    const { deliveries } = await send('many', { people });
    for (const { id } of deliveries) await settled(id);
    expect(requestsTo('many')).toHaveLength(30);
    expect(new Set(requestsTo('many').map(({ body }) => body.toString()))).toEqual(
      new Set(people.map((id) => `{"id":"${id}"}`)),
    );
  }, 60_000);

  it('goes to each of many, also where a template has cut a character of one in two', async () => {
    receiver.on('/cut', respond());
    await put('cut', { body: '"{{ customer.name | split: "" | first }}"' });
    await Promise.all([person('cut-1', { name: '\u{1F600}' }), person('cut-2', { name: 'Ann' })]);
    const { deliveries } = await send('cut', { people: ['cut-1', 'cut-2'] });
    const settledOnes = await Promise.all(deliveries.map(({ id }) => settled(id)));
    expect(settledOnes.map(({ request }) => request.body)).toEqual(['"\uFFFD"', '"A"']);
    expect(new Set(requestsTo('cut').map(({ body }) => body.toString()))).toEqual(new Set(['"\uFFFD"', '"A"']));
  });

  it('is tried again after a 503, with the same key and bytes', async () => {
    receiver.on('/flaky', respond({ status: 503 }), respond());
    await put('flaky', { body: { json: { at: '{{ now }}' } } });
    await person('cat');
    const { attempts } = await settled(await sendOne('flaky', { person: 'cat' }));
    expect(attempts.map((attempt) => attempt.class)).toEqual(['retryable', 'sent']);
    const [one, two] = requestsTo('flaky').map(({ headers, body }) => [headers['idempotency-key'], body.toString()]);
    expect(two).toEqual(one);
  });

  it('keeps the policy that it was rendered with, whatever is stored since, and keeps its webhook from being deleted', async () => {
    receiver.on('/kept', respond({ status: 503 }), respond({ status: 503 }), respond({ json: { v: 1 } }));
    await put('kept', { retry: { times: 2 }, response: { attributes: { kept: 'first {{ response.v }}' } } });
    await person('dan');
    const [id] = await Promise.all([sendOne('kept', { person: 'dan' }), receiver.waitFor(1)]);
    await put('kept', { retry: { times: 0 }, response: { attributes: { kept: 'second' } } });
    expectProblem(await hookline.api('DELETE', '/v1/webhooks/kept'), 409, 'webhooks.in_use');
    expect(await settled(id)).toMatchObject({ version: 1 });
    expect(requestsTo('kept')).toHaveLength(3);
    expect(await hookline.attributes('dan')).toEqual({ kept: 'first 1' });
    expect((await hookline.api('DELETE', '/v1/webhooks/kept')).status).toBe(200);
  });

  it('can be sent again when it has failed, with its mapping', async () => {
    receiver.on('/again', respond({ status: 400 }), respond({ json: { ok: 1 } }));
    await put('again', { response: { attributes: { again: '{{ trigger.code }}-{{ response.ok }}' } } });
    await person('gus');
    const id = await sendOne('again', { person: 'gus', data: { code: 'x' } });
    await settled(id, 'failed');
    expect((await hookline.api('POST', `/v1/deliveries/${id}/resend`)).status).toBe(200);
    await settled(id);
    expect(await hookline.attributes('gus')).toEqual({ again: 'x-1' });
  });

  it('has a rate limit for all sends of the webhook to a destination', async () => {
    receiver.on('/limited', respond());
    await put('limited', { rateLimit: '2/s' });
    await person('eve');
    const ids = await Promise.all(Array.from({ length: 3 }, () => sendOne('limited', { person: 'eve' })));
    const sent = await Promise.all(ids.map((id) => settled(id)));
    const starts = sent.flatMap(({ attempts }) => attempts.map(({ startedAt }) => Date.parse(startedAt)));
    expect(Math.max(...starts) - Math.min(...starts)).toBeGreaterThanOrEqual(990);
    const [slot] = await hookline.database.db.execute(sql`select webhook from rate_slots where webhook <> 'starts'`);
    expect(slot).toEqual({ webhook: 'limited' });
  });
});

describe('a send of a webhook that drafts', () => {
  it('waits for a decision, and is then sent with its mapping', async () => {
    receiver.on('/draft', respond({ json: { ok: true } }));
    await put('draft', { send: 'draft', response: { attributes: { told: '{{ response.ok }}' } } });
    await person('fay');
    const [yes, no] = [await sendOne('draft', { person: 'fay' }), await sendOne('draft', { person: 'fay' })];
    expect(await delivery(yes)).toMatchObject({ state: 'drafted', waitsFor: { reason: 'approval' } });
    const decide = (id: string, decision: string) => hookline.api('POST', `/v1/deliveries/${id}/${decision}`);
    expect(await decide(no, 'discard')).toMatchObject({ status: 200, body: { state: 'discarded' } });
    expect(await decide(yes, 'approve')).toMatchObject({ status: 200, body: { state: 'approved' } });
    await settled(yes);
    expect(await hookline.attributes('fay')).toEqual({ told: true });
    expect(requestsTo('draft')).toHaveLength(1);
  });
});
