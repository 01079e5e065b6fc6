import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startHookline, type Hookline } from '../support/hookline.ts';
import { expectProblem } from '../support/problem.ts';

let hookline: Hookline;

beforeAll(async () => {
  hookline = await startHookline({ worker: false, relays: 0 });
  await hookline.api('PUT', '/v1/secrets/crm_key', { value: 'sesame-open-now' });
  await hookline.api('PUT', '/v1/people/ada', { attributes: { name: 'Ada' } });
  await hookline.publish('leads', {
    trigger: { type: 'event', event: 'signed_up' },
    timezone: 'Europe/Paris',
    defaults: { auth: { bearer: '{{ secrets.crm_key }}' } },
    steps: [
      { type: 'delay', for: '1h' },
      {
        type: 'webhook',
        id: 'create-lead',
        url: 'https://example.com/{{ event_name }}',
        body: { json: { name: '{{ customer.name }}', at: "{{ now | date: '%R' }}", plan: '{{ event.plan }}' } },
      },
    ],
  });
});

afterAll(() => hookline.stop());

const preview = (body: unknown) => hookline.api('POST', '/v1/webhooks/preview', body);

describe('POST /v1/webhooks/preview', () => {
  it('renders a step of a campaign with its defaults and zone, and hides what its deliveries hide', async () => {
    const answer = await preview({
      campaign: 'leads',
      step: 'create-lead',
      person: 'ada',
      now: '2026-07-01T07:00:00Z',
    });
    expect(answer).toMatchObject({ status: 200 });
    expect(answer.body).toEqual({
      request: {
        method: 'POST',
        url: 'https://example.com/signed_up',
        headers: { Authorization: '***', 'Content-Type': 'application/json' },
        body: '{"name":"Ada","at":"09:00","plan":null}',
      },
      missing: ['event.plan'],
      problems: [],
    });
  });

  it('renders a webhook that is stored nowhere, with an event or with data of a trigger', async () => {
    const webhook = {
      method: 'PUT',
      url: 'https://example.com/{{ event.id }}?{{ trigger.query }}',
      body: '{"id": "{{ customer.id }}"}',
    };
    const { body } = await preview({
      webhook,
      customer: { id: 'eve' },
      event: { data: { id: 7 } },
      trigger: { query: 'a b' },
    });
    expect(body).toMatchObject({
      request: { method: 'PUT', url: 'https://example.com/7?a%20b', body: '{"id": "eve"}' },
      missing: [],
      problems: [],
    });
  });

  it('reports every problem with its place, where the first would fail a delivery', async () => {
    const webhook = {
      url: 'https://example.com/{{ customer.nick }}/x',
      headers: { 'X-Line': '{{ customer.lines }}', 'X-Fine': 'fine', 'X-Name': '{{ customer.unknown }}' },
      auth: { basic: { username: '{{ customer.colon }}', password: '' } },
      body: { text: '{"a":\n "{{ customer.quote }}"}' },
    };
    const { body } = await preview({ webhook, customer: { lines: 'a\nb', colon: 'a:b', quote: 'say "hi"' } });
    expect(body).toEqual({
      request: null,
      missing: ['customer.nick', 'customer.unknown'],
      problems: [
        {
          code: 'render.missing_variable',
          path: 'url',
          message:
            'line 1, column 21: customer.nick is empty in the path, where nothing may be left out; give it a default',
        },
        { code: 'render.invalid_header', path: 'headers.X-Line', message: expect.stringContaining('line break') },
        {
          code: 'render.invalid_header',
          path: 'auth.basic.username',
          message: 'the value has a colon, which ends the user name',
        },
        {
          code: 'render.invalid_json',
          path: 'body.text',
          message: expect.stringMatching(/^the result is no JSON at line 2, column 8: /),
        },
      ],
    });
  });

  it('finds each value of a body that fails', async () => {
    const broken = '{{ customer.name | base64_decode }}';
    const { body } = await preview({
      webhook: { url: 'https://example.com', body: { json: { a: broken, b: [broken], c: 1 } } },
      customer: { name: '*' },
    });
    expect(body).toMatchObject({
      request: null,
      problems: [
        { code: 'render.template', path: 'body.json.a' },
        { code: 'render.template', path: 'body.json.b[0]' },
      ],
    });
  });

  it('shows a request whose host may not be called, and says why it may not', async () => {
    const webhook = { url: 'https://{{ customer.host }}/', allowHosts: ['10.0.0.1', 'localhost'] };
    const { body } = await preview({ webhook, customer: { host: '10.0.0.1' } });
    expect(body).toMatchObject({
      request: { url: 'https://10.0.0.1/' },
      problems: [
        {
          code: 'delivery.blocked',
          path: 'url',
          message: expect.stringMatching(/^10\.0\.0\.1 is not allowed: .*HOOKLINE_ALLOW_NETWORKS/),
        },
      ],
    });
  });

  it('does not let a webhook that is sent along take a secret apart', async () => {
    const webhook = {
      url: 'https://example.com/',
      headers: { 'X-Apart': "{{ secrets.crm_key | split: '' | join: '.' }}" },
      body: { json: ['{{ secrets.crm_key }}', '{{ secrets.unknown }}'] },
    };
    const { body } = await preview({ webhook, customer: {} });
    expect(body).toMatchObject({ request: { body: '["***",null]' }, missing: ['secrets.unknown'], problems: [] });
    expect(JSON.stringify(body).replaceAll('.', '')).not.toContain('sesame');
  });

  it('hides a secret that is the name of what is missing', async () => {
    await hookline.publish('naming', {
      trigger: { type: 'manual' },
      steps: [{ type: 'webhook', id: 'tell', url: 'https://example.com', body: '"{{ customer[secrets.crm_key] }}"' }],
    });
    const { body } = await preview({ campaign: 'naming', step: 'tell', customer: {} });
    expect(body).toMatchObject({ missing: ['customer.***'] });
  });
});

describe('a preview that cannot be', () => {
  it('is refused with all faults of the webhook', async () => {
    const webhook = {
      url: 'http://10.0.0.1/',
      headers: { Host: 'x', 'X-A': '{{ a | upcas }}' },
      timeot: '4s',
      retry: { times: 99 },
    };
    const answer = await preview({ webhook, customer: {} });
    expect(expectProblem(answer, 422, 'webhooks.invalid').faults).toEqual([
      'webhook.retry.times: must be at most 50',
      'webhook.timeot: unknown key "timeot"; did you mean "timeout"?',
      'webhook.headers.X-A: line 1, column 8: unknown filter "upcas"; did you mean "upcase"?',
      expect.stringMatching(/^webhook\.url: 10\.0\.0\.1 is not allowed: /),
      'webhook.headers.Host: is set by Hookline and cannot be given; leave it out',
    ]);
    expectProblem(await preview({ webhook: 'https://example.com', customer: {} }), 422, 'webhooks.invalid');
    expectProblem(await preview({ webhook: null, customer: {} }), 422, 'webhooks.invalid');
  });

  it.each([
    [{ customer: {} }, [': send exactly one of webhook, webhookId and campaign']],
    [{ webhook: {}, campaign: 'leads', customer: {} }, [': send exactly one of webhook, webhookId and campaign']],
    [{ webhook: {}, step: 'tell', customer: {} }, ['step: is for campaign; leave it out']],
    [{ campaign: 'leads', customer: {} }, ['step: is missing; use create-lead']],
    [{ campaign: 'leads', step: 'step-1', customer: {} }, ['step: is no webhook of the campaign; use create-lead']],
    [
      { campaign: 'leads', step: 'creat-lead', customer: {} },
      ['step: is no webhook of the campaign; did you mean "create-lead"?'],
    ],
  ])('is refused with what is wrong: %j', async (body, faults) => {
    expect(expectProblem(await preview(body), 422, 'input.invalid').faults).toEqual(faults);
  });

  it('names what is not there', async () => {
    expectProblem(await preview({ campaign: 'nowhere', step: 'x', customer: {} }), 404, 'campaigns.not_found');
    expectProblem(await preview({ campaign: 'leads', step: 'create-lead', person: 'nobody' }), 404, 'people.not_found');
  });
});
