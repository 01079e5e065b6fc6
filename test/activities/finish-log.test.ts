import { inspect } from 'node:util';
import { sql } from 'drizzle-orm';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startActivities, type TestActivities } from '../support/activities.ts';
import { respond } from '../support/behaviours.ts';

let test: TestActivities;

beforeAll(async () => {
  test = await startActivities();
});

afterAll(() => test.stop());

const webhook = (id: string, fields: object = {}) => ({
  type: 'webhook',
  id,
  url: test.receiver.url(`/${id}`),
  ...fields,
});

describe('what is stored of an exchange', () => {
  it('holds no secret and no credential, in the request or in the answer', async () => {
    const secret = 'sesame/open+7';
    await test.putSecret('crm_key', secret);
    const base64 = Buffer.from(`user:${secret}`).toString('base64');
    test.receiver.on('/hide', (socket, request) =>
      respond({
        headers: { 'set-cookie': 'sid=1', 'x-echo': `got ${secret}`, 'x-plain': 'yes' },
        body: `${secret} ${encodeURIComponent(secret)} ${base64} ${request.headers['x-other']}`,
      })(socket, request),
    );
    const step = webhook('hide', {
      url: `${test.receiver.url('/hide')}?api_key={{ secrets.crm_key }}&page=2`,
      auth: { bearer: '{{ secrets.crm_key }}' },
      headers: { 'X-Other': 'a {{ secrets.crm_key }} b' },
      body: { json: { key: '{{ secrets.crm_key }}', open: 'yes' } },
    });
    const id = await test.freeze(await test.enter('hide', { steps: [step] }), 'hide');
    await test.send(id);

    expect(test.receiver.requests.at(-1)).toMatchObject({
      url: `/hide?api_key=${encodeURIComponent(secret)}&page=2`,
      headers: { authorization: `Bearer ${secret}`, 'x-other': `a ${secret} b` },
    });
    const stored = await test.delivery(id);
    expect(stored.request).toEqual({
      method: 'POST',
      url: test.receiver.url('/hide?api_key=***&page=2'),
      headers: expect.arrayContaining([
        ['Authorization', '***'],
        ['X-Other', 'a *** b'],
      ]),
      body: '{"key":"***","open":"yes"}',
    });
    expect(stored.attempts[0]?.responseHeaders).toEqual(
      expect.arrayContaining([
        ['set-cookie', '***'],
        ['x-echo', 'got ***'],
        ['x-plain', 'yes'],
      ]),
    );
    const body = stored.attempts[0]?.responseBody?.toString() ?? '';
    expect(body).toMatch(/^\*\*\* \*\*\* .*\*\*\*.* a \*\*\* b$/);
    expect(JSON.stringify([stored, body])).not.toContain('sesame');
    expect(stored.frozen?.toString('latin1')).not.toContain('sesame');
  });

  it('is the answer as it came, byte for byte, up to 16 KiB', async () => {
    const bytes = Buffer.concat([Buffer.from([0, 255, 195, 40, 0]), Buffer.alloc(20_000, 'x')]);
    test.receiver.on('/bytes', respond({ status: 404, body: bytes }));
    const id = await test.freeze(await test.enter('bytes', { steps: [webhook('bytes')] }), 'bytes');
    await test.send(id);
    const [attempt] = (await test.delivery(id)).attempts;
    expect(attempt).toMatchObject({ truncated: true });
    expect(attempt?.responseBody?.equals(bytes.subarray(0, 16 * 1024))).toBe(true);
  });
});

describe('the parts of an answer that later steps name', () => {
  const steps = () => [
    webhook('lead'),
    {
      type: 'branch',
      id: 'fork',
      cases: [{ when: { 'responses.lead.score': { gte: 3 }, 'responses.lead.http.status': 201 }, steps: [] }],
    },
    webhook('tell', { body: { json: { id: '{{ responses.lead.id }}', more: '{{ responses.lead.unnamed }}' } } }),
  ];

  it('are seen by a later branch and a later template, and by nobody who reads the database', async () => {
    const answer = { id: 'lead-secret-7', score: 3, other: 'not kept' };
    test.receiver.on('/lead', respond({ status: 201, json: answer }));
    const journey = await test.enter('kept', { steps: steps() });
    const id = await test.freeze(journey, 'lead');
    await test.send(id);
    const { answer: kept } = await test.delivery(id);
    expect(kept?.length).toBeGreaterThan(0);
    expect(kept?.toString('latin1')).not.toContain('lead-secret-7');

    expect(await test.prepare(journey, 'fork', 'branch')).toEqual({ type: 'branch', taken: 0 });
    const tell = await test.freeze(journey, 'tell');
    expect(await test.delivery(tell)).toMatchObject({
      request: { body: '{"id":"lead-secret-7","more":null}' },
      missing: ['responses.lead.unnamed'],
    });
  });

  it('are missing where the webhook failed', async () => {
    test.receiver.on('/lead', respond({ status: 400, json: { id: 7, score: 9 } }));
    const journey = await test.enter('kept', { steps: steps() });
    await test.send(await test.freeze(journey, 'lead'));
    expect(await test.prepare(journey, 'fork', 'branch')).toEqual({ type: 'branch', taken: null });
    expect((await test.delivery(await test.freeze(journey, 'tell'))).request?.body).toBe('{"id":null,"more":null}');
  });

  it.each([
    ['of no JSON are its text', 'plain text', '"plain text"'],
    ['that Postgres cannot hold are left out', '{"body":"a\\u0000b"}', 'null'],
    ['of a value nested too deep are left out', `{"body":${'['.repeat(100_000)}${']'.repeat(100_000)}}`, 'null'],
  ])('%s', async (_, answer, expected) => {
    test.receiver.on('/odd', respond({ body: answer }));
    const tell = webhook('tell', { body: { json: '{{ responses.odd.body }}' } });
    const journey = await test.enter('odd', { steps: [webhook('odd'), tell] });
    expect(await test.send(await test.freeze(journey, 'odd'))).toMatchObject({ state: 'sent' });
    expect((await test.delivery(await test.freeze(journey, 'tell'))).request?.body).toBe(expected);
  });
});

describe('what Temporal is told of a database that refuses', () => {
  it('names the reason, and nothing that the database was given', async () => {
    const step = webhook('quiet', { body: { json: '{{ customer.mail }}' } });
    const journey = await test.enter('quiet', { steps: [step] }, { attributes: { mail: 'mary@example.com' } });
    await test.db.execute(sql`alter table deliveries add constraint nobody check (campaign_id <> 'quiet')`);
    const failure: unknown = await test.prepare(journey, 'quiet', 'webhook').catch((error: unknown) => error);
    expect(inspect(failure)).toContain('violates check constraint "nobody"');
    expect(inspect(failure)).not.toContain('mary@example.com');
  });
});
