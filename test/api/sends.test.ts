import { sql } from 'drizzle-orm';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ADMIN_KEY, startHookline, type Hookline } from '../support/hookline.ts';
import { expectProblem, send as raw } from '../support/problem.ts';

let hookline: Hookline;

type Made = { id: string; state: string; person: string };
type Sent = { delivery: Made; deliveries: Made[] };

const put = (id: string, definition: object) => hookline.api('PUT', `/v1/webhooks/${id}`, definition);
const send = (body: unknown, webhook = 'sms') => hookline.api<Sent>('POST', `/v1/webhooks/${webhook}/send`, body);
const withKey = (key: string, body: object) =>
  raw(`${hookline.url}/v1/webhooks/sms/send`, {
    body: JSON.stringify(body),
    headers: {
      authorization: `Bearer ${ADMIN_KEY}`,
      'content-type': 'application/json',
      'idempotency-key': key,
    },
  });
const delivery = async (id: string) =>
  (await hookline.api<Record<string, unknown>>('GET', `/v1/deliveries/${id}`)).body;
const count = async (table: string) =>
  (await hookline.database.db.execute(sql`select 1 from ${sql.identifier(table)}`)).length;

beforeAll(async () => {
  hookline = await startHookline({ worker: false, relays: 0 });
  for (const id of ['ada', 'bob', 'eve']) await hookline.api('PUT', `/v1/people/${id}`, { attributes: { name: id } });
  await put('sms', {
    url: 'https://example.com/sms/{{ customer.id }}',
    body: { json: { text: 'Hi {{ customer.name }}', code: '{{ trigger.code }}', campaign: '{{ campaign.id }}' } },
  });
});
afterAll(() => hookline.stop());

describe('POST /v1/webhooks/:id/send', () => {
  it('makes a delivery for one person, rendered once, that says what it comes from', async () => {
    const { status, body } = await send({ person: 'ada', data: { code: 7 } });
    expect(status).toBe(202);
    expect(body).toEqual({ delivery: { id: expect.stringMatching(/^dlv_/), state: 'queued' } });
    await put('sms-2', { url: 'https://example.com/' });
    expect(await delivery(body.delivery.id)).toMatchObject({
      state: 'queued',
      person: 'ada',
      webhook: 'sms',
      version: 1,
      campaign: null,
      step: null,
      journey: null,
      missing: ['campaign.id'],
      request: { url: 'https://example.com/sms/ada', body: '{"text":"Hi ada","code":7,"campaign":null}' },
    });
    const { data } = (await hookline.api<{ data: object[] }>('GET', '/v1/people/ada/timeline?order=desc&limit=1')).body;
    expect(data).toMatchObject([{ type: 'delivery', webhook: 'sms', version: 1, id: body.delivery.id }]);
  });

  it('makes one for each of many, in their order, each once', async () => {
    const { body } = await send({ people: ['eve', 'ada', 'eve'] });
    expect(body).toEqual({
      deliveries: [
        { id: expect.stringMatching(/^dlv_/), person: 'eve', state: 'queued' },
        { id: expect.stringMatching(/^dlv_/), person: 'ada', state: 'queued' },
      ],
    });
    expect(await delivery(body.deliveries[0]?.id ?? '')).toMatchObject({ person: 'eve' });
  });

  it('leaves the command that starts each workflow, those for many in the lane behind', async () => {
    await hookline.database.db.execute(sql`delete from commands`);
    const one = (await send({ person: 'ada' })).body.delivery.id;
    const [first, second] = (await send({ people: ['bob', 'ada'] })).body.deliveries.map(({ id }) => id);
    const rows = await hookline.database.db.execute(
      sql`select workflow_id, lane, command->>'delivery' as of from commands order by id`,
    );
    expect([...rows]).toEqual([
      { workflow_id: `delivery/${one}`, lane: 0, of: one },
      { workflow_id: `delivery/${first}`, lane: 1, of: first },
      { workflow_id: `delivery/${second}`, lane: 1, of: second },
    ]);
  });

  it('says what is drafted, skipped or failed at once, and starts nothing for it', async () => {
    await put('draft', { url: 'https://example.com/', send: 'draft', draftExpiry: '1d' });
    await put('never', { url: 'https://example.com/', send: 'never' });
    await put('fails', { url: 'https://example.com/{{ trigger.code }}/x' });
    const before = await count('commands');
    const state = async (webhook: string) => (await send({ person: 'ada' }, webhook)).body.delivery;
    expect(await state('draft')).toMatchObject({ state: 'drafted' });
    expect(await state('never')).toMatchObject({ state: 'skipped' });
    const failed = await state('fails');
    expect(failed).toMatchObject({ state: 'failed' });
    expect(await delivery(failed.id)).toMatchObject({ error: { code: 'render.missing_variable' }, request: null });
    expect(await count('commands')).toBe(before);
  });

  it('sends nothing to who is suppressed, and says so', async () => {
    await hookline.api('PUT', '/v1/people/quiet', { attributes: {} });
    await hookline.database.db.execute(sql`update people set suppressed = true where id = 'quiet'`);
    const { body } = await send({ people: ['ada', 'quiet'] });
    expect(body.deliveries).toMatchObject([{ state: 'queued' }, { person: 'quiet', state: 'skipped' }]);
    expect(await delivery(body.deliveries[1]?.id ?? '')).toMatchObject({
      request: null,
      error: { code: 'delivery.suppressed' },
    });
  });

  it('renders what it is told by secrets, and hides them', async () => {
    await hookline.api('PUT', '/v1/secrets/sms_key', { value: 'open-sesame-now' });
    await put('secret', { url: 'https://example.com/', headers: { 'X-By': '{{ secrets.sms_key }}' } });
    const { id } = (await send({ person: 'ada' }, 'secret')).body.delivery;
    expect(await delivery(id)).toMatchObject({ request: { headers: { 'X-By': '***' } } });
  });

  it('takes 1,000 people, and not one more', async () => {
    const people = Array.from({ length: 1_000 }, (_, index) => `crowd-${index}`);
    await hookline.api(
      'POST',
      '/v1/events',
      people.map((person) => ({ person, name: 'x' })),
    );
    const { status, body } = await send({ people, id: 'crowd' });
    expect(status).toBe(202);
    expect(body.deliveries.map(({ person }) => person)).toEqual(people);
    expect((await send({ people, id: 'crowd' })).body).toEqual(body);
    expectProblem(await send({ people: [...people, 'ada'] }), 413, 'body.too_large');
  });

  it('lists its deliveries by webhook, and by version too', async () => {
    await put('listed', { url: 'https://example.com/1' });
    const one = (await send({ person: 'ada' }, 'listed')).body.delivery.id;
    await put('listed', { url: 'https://example.com/2' });
    const two = (await send({ person: 'bob' }, 'listed')).body.delivery.id;
    const ids = async (query: string) =>
      (await hookline.api<{ data: Made[] }>('GET', `/v1/deliveries?${query}`)).body.data.map(({ id }) => id);
    expect(await ids('webhook=listed')).toEqual([one, two]);
    expect(await ids('webhook=listed&version=2')).toEqual([two]);
    expect(await ids('webhook=listed&person=ada')).toEqual([one]);
    expect(await ids(`webhook=listed&order=desc&limit=1&cursor=${two}`)).toEqual([one]);
  });
});

describe('a send that is refused', () => {
  it('names all who are unknown, and sends nothing to the others', async () => {
    const before = await count('deliveries');
    const many = expectProblem(await send({ people: ['ada', 'nobody', 'no one'] }), 422, 'input.invalid');
    expect(many).toEqual({
      detail: '2 of the people are not known; nothing was sent.',
      faults: [
        'people[1]: nobody has the id "nobody"; PUT /v1/people/… first',
        'people[2]: nobody has the id "no one"; PUT /v1/people/… first',
      ],
    });
    expect(expectProblem(await send({ person: 'nobody' }), 422, 'input.invalid').faults).toEqual([
      'person: nobody has the id "nobody"; PUT /v1/people/… first',
    ]);
    expect(await count('deliveries')).toBe(before);
  });

  it.each([
    [{}, [': send exactly one of person and people']],
    [{ person: 'ada', people: ['bob'] }, [': send exactly one of person and people']],
    [{ people: [] }, ['people: must not be empty']],
    [{ person: 'ada', data: 5 }, ['data: must be an object, not a number']],
    [{ person: 'ada', date: {} }, ['date: unknown key "date"; did you mean "data"?']],
  ])('has the body %j', async (body, faults) => {
    expect(expectProblem(await send(body), 422, 'input.invalid').faults).toEqual(faults);
  });

  it('is for a webhook that is not there', async () => {
    expectProblem(await send({ person: 'ada' }, 'nowhere'), 404, 'webhooks.not_found');
    await put('past', { url: 'https://example.com/', send: 'draft' });
    const first = await send({ person: 'ada', id: 'once' }, 'past');
    await hookline.api('POST', `/v1/deliveries/${first.body.delivery.id}/discard`, { revision: 1 });
    expect((await hookline.api('DELETE', '/v1/webhooks/past')).status).toBe(200);
    expectProblem(await send({ person: 'ada' }, 'past'), 404, 'webhooks.not_found');
    expect(await send({ person: 'ada', id: 'once' }, 'past')).toMatchObject({ status: 202, body: first.body });
  });

  it('takes too much for all of its people together', async () => {
    await put('large', {
      url: 'https://example.com/',
      body: { text: '"{% for i in (1..8) %}{{ trigger.text }}{% endfor %}"' },
    });
    const people = Array.from({ length: 1_000 }, (_, index) => `crowd-${index}`);
    const before = await count('deliveries');
    const answer = await send({ people, data: { text: 'x'.repeat(32_000) } }, 'large');
    expect(expectProblem(answer, 422, 'render.too_large').detail).toMatch(/64 MiB.*fewer people/);
    expect(await count('deliveries')).toBe(before);
  });

  it('has data over 32 KiB', async () => {
    expectProblem(await send({ person: 'ada', data: { text: 'x'.repeat(33_000) } }), 413, 'events.too_large');
  });
});

describe('a send with an id', () => {
  it('is one delivery where it comes 20 times at once', async () => {
    const before = await count('deliveries');
    const answers = await Promise.all(Array.from({ length: 20 }, () => send({ id: 'now', person: 'bob', data: {} })));
    expect(answers.map(({ status }) => status)).toEqual(answers.map(() => 202));
    for (const { body } of answers) expect(body).toEqual(answers[0]?.body);
    expect(await count('deliveries')).toBe(before + 1);
  });

  it('answers what it answered first, whatever became of it', async () => {
    const first = await send({ id: 'first', people: ['ada', 'bob'] });
    await hookline.database.db.execute(sql`update deliveries set state = 'sent'`);
    expect(await send({ id: 'first', people: ['ada', 'bob', 'ada'] })).toMatchObject({ status: 202, body: first.body });
  });

  it.each([
    { person: 'bob', data: { code: 1 } },
    { person: 'ada', data: { code: 2 } },
    { person: 'ada' },
    { people: ['ada'], data: { code: 1 } },
  ])('is refused with the other body %j', async (other) => {
    await send({ id: 'tuesday', person: 'ada', data: { code: 1 } });
    const { detail } = expectProblem(await send({ id: 'tuesday', ...other }), 422, 'idempotency.mismatch');
    expect(detail).toContain('"tuesday"');
  });

  it('may have it in the header Idempotency-Key', async () => {
    const first = await withKey('from-header', { person: 'ada' });
    expect(first.status).toBe(202);
    expect((await withKey('from-header', { person: 'ada' })).body).toEqual(first.body);
    expect((await send({ id: 'from-header', person: 'ada' })).body).toEqual(first.body);
    expect((await withKey('from-header', { person: 'ada', id: 'from-header' })).body).toEqual(first.body);
    expectProblem(await withKey('from-header', { person: 'bob' }), 422, 'idempotency.mismatch');
    expect(expectProblem(await withKey('a', { person: 'ada', id: 'b' }), 422, 'input.invalid').faults).toEqual([
      'id: is not the header Idempotency-Key, which stands for it; send one of them',
    ]);
    expectProblem(await withKey('x'.repeat(256), { person: 'ada' }), 422, 'input.invalid');
  });

  it('may have been used for another webhook', async () => {
    await put('other', { url: 'https://example.com/' });
    const answers = [await send({ id: 'x', person: 'ada' }), await send({ id: 'x', person: 'bob' }, 'other')];
    expect(answers.map(({ status }) => status)).toEqual([202, 202]);
  });
});
