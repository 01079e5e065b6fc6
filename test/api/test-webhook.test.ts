import { eq } from 'drizzle-orm';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { people } from '../../db/schema/people.ts';
import { testSends } from '../../db/schema/test-sends.ts';
import { hang, respond } from '../support/behaviours.ts';
import { startHookline, type Hookline } from '../support/hookline.ts';
import { expectProblem } from '../support/problem.ts';
import { startReceiver, type Receiver } from '../support/receiver.ts';
import { verifies } from '../support/signatures.ts';

const SECRET = 'sesame-open-now';

let hookline: Hookline;
let receiver: Receiver;

beforeAll(async () => {
  [hookline, receiver] = await Promise.all([startHookline({ breaker: true }), startReceiver()]);
  await hookline.api('PUT', '/v1/secrets/crm_key', { value: SECRET });
  await hookline.api('PUT', '/v1/people/ada', { attributes: { name: 'Ada', visits: 2 } });
  await hookline.publish('leads', {
    trigger: { type: 'event', event: 'signed_up' },
    defaults: { auth: { bearer: '{{ secrets.crm_key }}' } },
    steps: [
      { type: 'delay', for: '1h' },
      {
        type: 'webhook',
        id: 'create-lead',
        url: `${receiver.origin}/leads/{{ customer.id }}?key={{ secrets.crm_key }}`,
        body: { json: { name: '{{ customer.name }}', id: '{{ delivery.id }}', plan: '{{ event.plan }}' } },
        response: {
          attributes: {
            lead_id: '{{ response.id }}',
            visits: '{{ customer.visits | plus: response.more }}',
            note: '{{ response.note }}',
          },
        },
      },
    ],
  });
});

afterAll(async () => {
  await hookline.stop();
  await receiver.close();
});

/** What these tests read by name; they compare the rest as a whole. */
type Shown = { idempotencyKey: string; class: string; durationMs: number; response: { body: string } | null };

const test = (body: object) => hookline.api<Shown>('POST', '/v1/webhooks/test', body);
const sentTo = (path: string) => receiver.requests.filter(({ url }) => url.startsWith(path));
const lead = { campaign: 'leads', step: 'create-lead', person: 'ada', event: { data: { plan: 'gold' } } };

describe('POST /v1/webhooks/test', () => {
  it('sends once as a delivery is sent, shows the answer and what it would set, and changes nothing', async () => {
    receiver.on('/leads/ada', respond({ status: 201, json: { id: 'lead_7', more: 1, echo: `Bearer ${SECRET}` } }));
    const before = await hookline.api('GET', '/v1/people/ada/timeline');
    const { status, body } = await test(lead);
    expect(status).toBe(200);
    const [sent, ...more] = sentTo('/leads/ada');
    expect(more).toEqual([]);
    expect(sent).toMatchObject({
      method: 'POST',
      url: `/leads/ada?key=${SECRET}`,
      headers: {
        authorization: `Bearer ${SECRET}`,
        'idempotency-key': body.idempotencyKey,
        'webhook-id': body.idempotencyKey,
        'user-agent': 'Hookline/test',
      },
    });
    expect(body.idempotencyKey).toMatch(/^tst_/);
    expect(sent?.body.toString()).toBe(`{"name":"Ada","id":"${body.idempotencyKey}","plan":"gold"}`);
    const keys = await hookline.api<{ data: { secret: string }[] }>('GET', '/v1/signing-keys');
    expect(verifies(sent, keys.body.data[0]?.secret ?? '')).toBe(true);

    expect(body).toEqual({
      idempotencyKey: body.idempotencyKey,
      request: {
        method: 'POST',
        url: `${receiver.origin}/leads/ada?key=***`,
        headers: { Authorization: '***', 'Content-Type': 'application/json' },
        body: `{"name":"Ada","id":"${body.idempotencyKey}","plan":"gold"}`,
      },
      response: {
        status: 201,
        headers: { 'content-type': 'application/json', 'content-length': expect.any(String) },
        body: '{"id":"lead_7","more":1,"echo":"Bearer ***"}',
        truncated: false,
      },
      class: 'sent',
      error: null,
      durationMs: expect.any(Number),
      phases: expect.objectContaining({ headers: expect.any(Number) }),
      mapping: { state: 'applied', attributes: { lead_id: 'lead_7', visits: 3 }, absent: ['note'], error: null },
      missing: [],
    });
    expect(await hookline.attributes('ada')).toEqual({ name: 'Ada', visits: 2 });
    expect((await hookline.api('GET', '/v1/people/ada/timeline')).body).toEqual(before.body);
    expect((await hookline.api('GET', '/v1/deliveries?person=ada')).body).toMatchObject({ data: [] });
    expect((await hookline.api('GET', '/v1/destinations')).body).toMatchObject({ data: [] });
    expect(await hookline.database.db.select().from(testSends)).toEqual([]);
  });

  it.each([
    [503, 'retryable', 'server_error'],
    [400, 'rejected', 'client_error'],
    [302, 'rejected', 'redirect_not_followed'],
  ])('shows an answer of %i with its class, and sends no second request', async (status, kind, code) => {
    const path = `/status-${status}`;
    receiver.on(path, respond({ status, headers: { 'retry-after': '1' }, body: 'no' }));
    const webhook = {
      url: receiver.url(path),
      retry: { times: 5 },
      response: { attributes: { a: '{{ http.status }}' } },
    };
    const { body } = await test({ webhook, customer: {} });
    expect(body).toMatchObject({
      class: kind,
      error: { code },
      response: { status, headers: { 'retry-after': '1' }, body: 'no' },
      mapping: { state: 'none', attributes: {} },
    });
    expect(sentTo(path)).toHaveLength(1);
  });

  it('gives a receiver that hangs the time of the webhook', async () => {
    receiver.on('/hangs', hang());
    const { body } = await test({ webhook: { url: receiver.url('/hangs'), timeout: '1s' }, customer: {} });
    expect(body).toMatchObject({ class: 'retryable', response: null, error: { code: 'timeout' } });
    // A timer may be a millisecond early.
    expect(body.durationMs).toBeGreaterThanOrEqual(990);
    expect(body.durationMs).toBeLessThan(2_000);
    expect(sentTo('/hangs')).toHaveLength(1);
  });

  it('says why a mapping would fail, as a delivery does', async () => {
    receiver.on('/large', respond({ json: { text: 'x'.repeat(60_000), no: 'JSON' } }));
    const webhook = { url: receiver.url('/large'), response: { attributes: { text: '{{ response.text }}' } } };
    const { body } = await test({ webhook, customer: { bio: 'y'.repeat(10_000) } });
    expect(body).toMatchObject({
      class: 'sent',
      mapping: { state: 'failed', attributes: {}, error: { code: 'people.too_large' } },
    });
    expect(body.response).toMatchObject({ truncated: true });
    expect(body.response?.body).toHaveLength(16 * 1024);
  });

  it('shows any bytes of an answer', async () => {
    receiver.on('/bytes', respond({ body: Buffer.from([0x61, 0x00, 0xff, 0x62]) }));
    const { body } = await test({ webhook: { url: receiver.url('/bytes') }, customer: {} });
    expect(body.response?.body).toBe('a\u0000\uFFFDb');
  });

  it('answers many at the same time, each with its own', async () => {
    const paths = Array.from({ length: 60 }, (_, at) => `/many-${at}`);
    for (const path of paths) receiver.on(path, respond({ json: { path }, delayMs: 300 }));
    const answers = await Promise.all(
      paths.map((path) => test({ webhook: { url: receiver.url(path) }, customer: {} })),
    );
    expect(answers.map(({ body }) => body.response?.body)).toEqual(paths.map((path) => JSON.stringify({ path })));
    expect(sentTo('/many-')).toHaveLength(60);
  });

  it('neither minds a destination that fails nor makes it one', async () => {
    receiver.on('/fails', respond({ status: 500 }));
    for (let at = 0; at < 12; at += 1) await test({ webhook: { url: receiver.url('/fails') }, customer: {} });
    expect(sentTo('/fails')).toHaveLength(12);
    expect((await hookline.api('GET', '/v1/destinations')).body).toMatchObject({ data: [] });
  });
});

describe('a secret', () => {
  it('goes nowhere but where the published campaign sends it', async () => {
    const { body } = await test({ ...lead, to: receiver.url('/elsewhere?a=b') });
    const [sent] = sentTo('/elsewhere');
    expect(sent).toMatchObject({ url: '/elsewhere?a=b', headers: { authorization: 'Bearer ***' } });
    expect(JSON.stringify([sent, sent?.body.toString()])).not.toContain(SECRET);
    expect(body).toMatchObject({
      class: 'sent',
      request: { url: receiver.url('/elsewhere?a=b'), headers: { Authorization: '***' } },
      mapping: { state: 'applied', attributes: {}, absent: ['lead_id', 'visits', 'note'] },
    });
  });

  it('has a stand-in in a webhook that came with the request, which could take it apart', async () => {
    const webhook = {
      url: receiver.url('/lone'),
      headers: { 'X-Apart': "{{ secrets.crm_key | split: '' | join: '.' }}" },
      body: { json: ['{{ secrets.crm_key }}', '{{ secrets.unknown }}'] },
    };
    for (const to of [undefined, receiver.url('/lone')]) {
      const { body } = await test({ webhook, customer: {}, ...(to && { to }) });
      expect(body).toMatchObject({ class: 'sent', missing: ['secrets.unknown'] });
    }
    expect(sentTo('/lone').map(({ body }) => body.toString())).toEqual(['["secret-crm_key",null]', '["***",null]']);
    expect(JSON.stringify(sentTo('/lone')).replaceAll('.', '')).not.toContain('sesame');
  });
});

describe('a webhook that cannot be sent', () => {
  it('says why it does not render, without a worker', async () => {
    const webhook = { url: `${receiver.origin}/{{ customer.nick }}/x`, body: '{{ customer.name }}' };
    const { status, body } = await test({ webhook, customer: {} });
    expect(status).toBe(200);
    expect(body).toEqual({
      idempotencyKey: null,
      request: null,
      response: null,
      class: null,
      error: { code: 'render.missing_variable', message: expect.stringMatching(/^url: .*customer\.nick is empty/) },
      durationMs: null,
      phases: null,
      mapping: { state: 'none', attributes: {}, error: null },
      missing: ['customer.nick', 'customer.name'],
    });
  });

  it('is blocked by the guard where its address is not allowed', async () => {
    const webhook = { url: 'http://{{ customer.host }}/', allowHosts: ['169.254.169.254'] };
    expect((await test({ webhook, customer: { host: '169.254.169.254' } })).body).toMatchObject({
      request: { url: 'http://169.254.169.254/' },
      class: 'blocked',
      response: null,
      error: { code: 'delivery.blocked' },
    });
  });

  it('is not sent to somebody who is suppressed', async () => {
    await hookline.api('PUT', '/v1/people/eve', { attributes: {} });
    await hookline.database.db.update(people).set({ suppressed: true }).where(eq(people.id, 'eve'));
    const { body } = await test({ webhook: { url: receiver.url('/eve') }, person: 'eve' });
    expect(body).toMatchObject({ request: null, class: null, error: { code: 'delivery.suppressed' } });
    expect(sentTo('/eve')).toEqual([]);
  });

  it.each([
    [{ customer: {} }, [': send exactly one of webhook, webhookId and campaign']],
    [
      { webhook: { url: 'https://example.com' }, customer: {}, to: 'http://10.0.0.1/' },
      [expect.stringMatching(/^to: 10\.0\.0\.1 is not allowed: .*HOOKLINE_ALLOW_NETWORKS/)],
    ],
    [
      { webhook: { url: 'https://example.com' }, person: 'ada', customer: {}, to: 'ftp://example.com' },
      [': send exactly one of person and customer', 'to: is no http or https URL; write it as https://host/path'],
    ],
    [
      { campaign: 'leads', step: 'create-lead', person: 'ada', to: 'https://example.com/{{ customer.id }}' },
      ['to: write the URL out, without {{ }}'],
    ],
  ])('is refused with what is wrong: %j', async (body, faults) => {
    expect(expectProblem(await test(body), 422, 'input.invalid').faults).toEqual(faults);
  });
});
