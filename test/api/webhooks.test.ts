import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startHookline, type Hookline } from '../support/hookline.ts';
import { expectProblem } from '../support/problem.ts';

let hookline: Hookline;

beforeAll(async () => {
  hookline = await startHookline({ worker: false, relays: 0 });
});
afterAll(() => hookline.stop());

type Stored = { id: string; version: number; warnings: string[]; next: string; definition: object };
const put = (id: string, definition: unknown, query = '') =>
  hookline.api<Stored>('PUT', `/v1/webhooks/${id}${query}`, definition);
const get = (id: string) => hookline.api<Stored>('GET', `/v1/webhooks/${id}`);
const remove = (id: string) => hookline.api('DELETE', `/v1/webhooks/${id}`);

const URL = 'https://example.com/sms';

describe('PUT /v1/webhooks/:id', () => {
  it('stores each change as the next version, and nothing for the same definition again', async () => {
    const one = { url: URL, body: { json: { z: 1, a: 2 } } };
    expect(await put('sms', one)).toMatchObject({ status: 200, body: { id: 'sms', version: 1, warnings: [] } });
    const first = (await get('sms')).body;
    expect((await put('sms', one)).body.version).toBe(1);
    expect((await get('sms')).body).toEqual(first);
    expect(JSON.stringify(first.definition)).toContain('{"z":1,"a":2}');

    expect((await put('sms', { ...one, method: 'PUT' })).body.version).toBe(2);
    expect((await get('sms')).body).toMatchObject({ version: 2, definition: { method: 'PUT', url: URL } });
  });

  it('takes YAML', async () => {
    expect((await put('yaml', `url: ${URL}\nretry: { times: 2 }\n`)).body.version).toBe(1);
    expect((await get('yaml')).body.definition).toEqual({ url: URL, retry: { times: 2 } });
  });

  it('stores nothing with dryRun', async () => {
    expect(await put('dry', { url: URL }, '?dryRun=true')).toMatchObject({ status: 200, body: { version: 1 } });
    expect((await get('dry')).status).toBe(404);
    await put('dry', { url: URL });
    expect((await put('dry', { url: URL }, '?dryRun=true')).body.version).toBe(1);
    expect((await put('dry', { url: `${URL}/2` }, '?dryRun=true')).body.version).toBe(2);
    expect((await get('dry')).body.version).toBe(1);
  });

  it('gives versions without gaps where twenty come at once', async () => {
    const answers = await Promise.all(Array.from({ length: 20 }, (_, n) => put('race', { url: `${URL}/${n}` })));
    expect(answers.map(({ body }) => body.version).toSorted((a, b) => a - b)).toEqual(
      Array.from({ length: 20 }, (_, n) => n + 1),
    );
  });

  it('warns of what is never there without a campaign', async () => {
    const { body } = await put('warned', {
      url: `${URL}/{{ trigger.id }}`,
      body: { json: [{ name: '{{ event.name }}' }, '{{ customer.name }}'] },
      response: { attributes: { lead: '{{ responses.crm.id | default: response.id }}' } },
    });
    expect(body.warnings).toEqual([
      'body.json[0].name: event.name is always missing, as the webhook is sent without a campaign',
      'response.attributes.lead: responses.crm.id is always missing, as the webhook is sent without a campaign',
    ]);
  });

  it('refuses a definition with all its faults', async () => {
    const { faults } = expectProblem(
      await put('bad', {
        url: 'http://169.254.169.254/{{ trigger.x | urlencode }}',
        timout: '5s',
        headers: { Host: 'x' },
        body: { json: '{{ open' },
      }),
      422,
      'webhooks.invalid',
    );
    expect(faults).toEqual([
      'timout: unknown key "timout"; did you mean "timeout"?',
      expect.stringMatching(/^url: line 1, column \d+: unknown filter "urlencode"/),
      expect.stringMatching(/^body\.json: /),
      expect.stringMatching(/^headers\.Host: /),
    ]);
    expectProblem(await put('bad', { url: 'http://169.254.169.254/' }), 422, 'webhooks.invalid');
    expectProblem(await put('bad', { url: 'https://{{ customer.host }}/' }), 422, 'webhooks.invalid');
    expectProblem(await put('bad', undefined), 422, 'webhooks.invalid');
    expectProblem(await put('bad', 'url: [unclosed'), 400, 'body.malformed');
    expectProblem(await put('Not_An_Id', { url: URL }), 422, 'input.invalid');
    expect((await get('bad')).status).toBe(404);
  });
});

describe('GET and DELETE /v1/webhooks', () => {
  it('list what is there in the order of ids', async () => {
    for (const id of ['list-b', 'list-a', 'list-c']) await put(id, { url: URL });
    await remove('list-c');
    type List = { data: { id: string }[]; nextCursor: string | null };
    const page = async (query: string) => (await hookline.api<List>('GET', `/v1/webhooks?${query}`)).body;
    const first = await page('limit=1&cursor=list-');
    expect(first).toEqual({
      data: [{ id: 'list-a', version: 1, createdAt: expect.any(String), updatedAt: expect.any(String) }],
      nextCursor: 'list-a',
    });
    const ids = (await page('cursor=list-a')).data.map(({ id }) => id);
    expect(ids).toContain('list-b');
    expect(ids).not.toContain('list-c');
  });

  it('hide a webhook until it is stored again, whose versions then go on', async () => {
    await put('gone', { url: URL });
    expect(await remove('gone')).toMatchObject({ status: 200, body: { id: 'gone' } });
    expectProblem(await remove('gone'), 404, 'webhooks.not_found');
    expectProblem(await get('gone'), 404, 'webhooks.not_found');
    expect((await put('gone', { url: URL })).body.version).toBe(1);
    expect((await get('gone')).status).toBe(200);
    await remove('gone');
    expect((await put('gone', { url: `${URL}/2` })).body.version).toBe(2);
  });

  it('hide no webhook while deliveries of it are open, and name them', async () => {
    await put('busy', { url: URL, send: 'draft' });
    const people = Array.from({ length: 7 }, (_, index) => `waits-${index}`);
    await Promise.all(people.map((id) => hookline.api('PUT', `/v1/people/${id}`, { attributes: {} })));
    type Sent = { deliveries: { id: string }[] };
    const sent = (await hookline.api<Sent>('POST', '/v1/webhooks/busy/send', { people })).body.deliveries;
    const drafts = sent.map(({ id }) => id).toSorted();
    const refusal = expectProblem(await remove('busy'), 409, 'webhooks.in_use');
    expect(refusal.detail).toContain(
      `${drafts
        .slice(0, 5)
        .map((id) => `deliveries/${id}`)
        .join(', ')} and 2 more`,
    );
    expect(refusal.faults).toEqual(drafts.map((id) => `deliveries/${id}: is drafted`));
    expect((await get('busy')).status).toBe(200);

    const discard = (id: string) => hookline.api('POST', `/v1/deliveries/${id}/discard`, { revision: 1 });
    await Promise.all(drafts.slice(1).map((id) => discard(id)));
    expect(expectProblem(await remove('busy'), 409, 'webhooks.in_use').detail).toContain(
      `in use by deliveries/${drafts[0]}. Decide`,
    );
    await discard(drafts[0] ?? '');
    expect((await remove('busy')).status).toBe(200);
  });

  it('hide a webhook or let a send be stored that comes at the same time, and not both', async () => {
    await hookline.api('PUT', '/v1/people/racer', { attributes: {} });
    for (let round = 0; round < 12; round += 1) {
      const id = `raced-${round}`;
      await put(id, { url: URL, send: 'draft' });
      const send = () => hookline.api('POST', `/v1/webhooks/${id}/send`, { person: 'racer' });
      const [sent, removed] = await Promise.all(round % 2 ? [send(), remove(id)] : [remove(id), send()].toReversed());
      expect([`${sent?.status} ${removed?.status}`]).toSatisfy(([both]) => both === '202 409' || both === '404 200');
    }
  });
});

describe('POST /v1/webhooks/preview with webhookId', () => {
  const preview = (body: object) => hookline.api('POST', '/v1/webhooks/preview', { customer: { id: 'eve' }, ...body });

  it('renders the stored webhook as it would be sent, with real secrets', async () => {
    await hookline.api('PUT', '/v1/secrets/sms_host', { value: 'https://sms.example.com' });
    await put('seen', { url: '{{ secrets.sms_host }}/{{ customer.id }}', body: '{{ trigger | json }}' });
    const { status, body } = await preview({ webhookId: 'seen', trigger: { code: 7 } });
    expect(status).toBe(200);
    expect(body).toEqual({
      request: {
        method: 'POST',
        url: '***/eve',
        headers: { 'Content-Type': 'application/json' },
        body: '{"code":7}',
      },
      missing: [],
      problems: [],
    });
  });

  it('refuses what a send has not', async () => {
    expectProblem(await preview({ webhookId: 'nowhere' }), 404, 'webhooks.not_found');
    const stray = { step: 'x', event: { name: 'y' } };
    for (const [name, value] of Object.entries(stray)) {
      const { faults } = expectProblem(await preview({ webhookId: 'seen', [name]: value }), 422, 'input.invalid');
      expect(faults).toEqual([expect.stringMatching(new RegExp(`^${name}: `))]);
    }
  });
});
