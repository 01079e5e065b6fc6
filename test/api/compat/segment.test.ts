import { Analytics } from '@segment/analytics-node';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { createCompatClient } from '../../support/compat.ts';
import { ADMIN_KEY, startHookline, type Hookline } from '../../support/hookline.ts';
import { send } from '../../support/problem.ts';

let hookline: Hookline;
let client: Awaited<ReturnType<typeof createCompatClient>>;

beforeAll(async () => {
  hookline = await startHookline({ worker: false, relays: 0 });
  client = await createCompatClient(hookline);
});
afterAll(() => hookline.stop());

type Sent = { request: { type: string; messageId: string }[]; status: number };

/** The package as anybody uses it; answers what went over the wire, and what it says went wrong. */
async function withLibrary(writeKey: string, use: (analytics: Analytics) => void) {
  const analytics = new Analytics({
    writeKey,
    host: hookline.url,
    path: '/compat/segment/v1/batch',
    maxRetries: 0,
  });
  const wire: Sent[] = [];
  const errors: string[] = [];
  analytics.on('http_response', ({ status, body }) => wire.push({ status, request: JSON.parse(String(body)).batch }));
  analytics.on('error', ({ reason }) => errors.push(String(reason)));
  use(analytics);
  await analytics.flush({ close: true });
  return { wire, errors };
}

const timeline = async (id: string) => (await hookline.api('GET', `/v1/people/${id}/timeline`)).body;

const basic = (key: string) => `Basic ${Buffer.from(`${key}:`).toString('base64')}`;
const post = (path: string, body: unknown, authorization = basic(client.keys.operate)) =>
  send(`${hookline.url}/compat/segment/v1/${path}`, {
    body: typeof body === 'string' ? body : JSON.stringify(body),
    headers: { authorization },
  });

/** A person whom no other test knows. */
let ada: string;
let count = 0;
beforeEach(() => {
  count += 1;
  ada = `ada-${count}`;
});

describe('the package @segment/analytics-node', () => {
  it('identifies and tracks people', async () => {
    const timestamp = new Date('2026-05-01T09:00:00.123Z');
    const { wire, errors } = await withLibrary(client.keys.ingest, (analytics) => {
      analytics.identify({ userId: ada, traits: { plan: 'gold', address: { city: 'London' } } });
      analytics.track({ userId: ada, event: 'order_placed', properties: { total: 120 }, timestamp });
      analytics.identify({ userId: ada, traits: { plan: null, seats: 3 } });
    });
    expect(errors).toEqual([]);
    expect(wire).toMatchObject([{ status: 200, request: [{ type: 'identify' }, { type: 'track' }, {}] }]);
    expect(await hookline.attributes(ada)).toEqual({ address: { city: 'London' }, seats: 3 });
    expect(await client.eventsOf(ada)).toEqual([
      { name: 'identify', data: {} },
      { name: 'order_placed', data: { total: 120 } },
      { name: 'identify', data: {} },
    ]);
    const messageId = wire[0]?.request[1]?.messageId ?? '';
    expect((await hookline.api('GET', `/v1/events/${messageId}`)).body).toMatchObject({
      id: messageId,
      person: ada,
      timestamp: timestamp.toISOString(),
    });
  });

  it('tells of pages, screens and groups', async () => {
    const { errors } = await withLibrary(client.keys.ingest, (analytics) => {
      analytics.page({ userId: ada, category: 'Docs', name: 'Pricing', properties: { url: 'https://a.test/' } });
      analytics.page({ userId: ada });
      analytics.screen({ userId: ada, name: 'Basket' });
      analytics.group({ userId: ada, groupId: 'acme', traits: { plan: 'team' } });
    });
    expect(errors).toEqual([]);
    expect(await client.eventsOf(ada)).toEqual([
      { name: 'page', data: { url: 'https://a.test/', name: 'Pricing', category: 'Docs' } },
      { name: 'page', data: {} },
      { name: 'screen', data: { name: 'Basket' } },
      { name: 'group', data: { groupId: 'acme', traits: { plan: 'team' } } },
    ]);
    expect(await hookline.attributes(ada)).toEqual({});
  });

  it('knows visitors by anonymousId, and makes them one with a person whom nobody knew', async () => {
    const visitor = `visitor of ${ada}`;
    const { errors } = await withLibrary(client.keys.operate, (analytics) => {
      analytics.identify({ anonymousId: visitor, traits: { source: 'ad' } });
      analytics.track({ anonymousId: visitor, event: 'looked' });
      analytics.alias({ userId: ada, previousId: visitor });
      analytics.track({ userId: ada, event: 'bought' });
    });
    expect(errors).toEqual([]);
    expect((await hookline.api('GET', `/v1/people/${encodeURIComponent(visitor)}`)).status).toBe(404);
    expect(await hookline.attributes(ada)).toEqual({ source: 'ad' });
    expect(await client.eventsOf(ada)).toEqual([
      { name: 'identify', data: {} },
      { name: 'looked', data: {} },
      { name: 'alias', data: { previousId: visitor } },
      { name: 'bought', data: {} },
    ]);
  });

  it('sends many in several batches', async () => {
    const { wire, errors } = await withLibrary(client.keys.ingest, (analytics) => {
      for (let index = 0; index < 40; index += 1) analytics.track({ userId: ada, event: `e${index}` });
    });
    expect(errors).toEqual([]);
    expect(wire.map(({ status }) => status)).toEqual([200, 200, 200]);
    expect(await client.eventsOf(ada)).toHaveLength(40);
  });

  it('hears that its key is refused', async () => {
    const { wire, errors } = await withLibrary('wrong', (analytics) => analytics.track({ userId: ada, event: 'x' }));
    expect(wire).toMatchObject([{ status: 401 }]);
    expect(errors).toEqual([expect.stringContaining('401')]);
    expect((await hookline.api('GET', `/v1/people/${ada}`)).status).toBe(404);
  });

  it('hears that an ingest key merges nobody', async () => {
    await hookline.api('PUT', `/v1/people/old-${ada}`, { attributes: {} });
    const { errors } = await withLibrary(client.keys.ingest, (analytics) =>
      analytics.alias({ userId: ada, previousId: `old-${ada}` }),
    );
    expect(errors).toEqual([expect.stringContaining('400')]);
    expect((await hookline.api('GET', `/v1/people/old-${ada}`)).status).toBe(200);
  });
});

describe('a batch that comes again', () => {
  it('changes nothing, also where something newer came meanwhile', async () => {
    const batch = [
      { type: 'identify', messageId: `${ada} 1`, userId: ada, traits: { plan: 'free' } },
      { type: 'track', messageId: `${ada} 2`, userId: ada, event: 'x' },
    ];
    expect(await post('batch', { batch })).toMatchObject({ status: 200, body: { success: true } });
    await post('identify', { userId: ada, traits: { plan: 'gold' } });
    const before = await timeline(ada);
    expect(await post('batch', { batch })).toMatchObject({ status: 200, body: { success: true } });
    expect(await timeline(ada)).toEqual(before);
    expect(await hookline.attributes(ada)).toEqual({ plan: 'gold' });
  });

  it('merges nobody who is new under the old id', async () => {
    const batch = [{ type: 'alias', messageId: `${ada} 1`, userId: ada, previousId: `old-${ada}` }];
    await hookline.api('PUT', `/v1/people/old-${ada}`, { attributes: { was: 1 } });
    await post('batch', { batch });
    await hookline.api('PUT', `/v1/people/old-${ada}`, { attributes: { is: 2 } });
    await post('batch', { batch });
    expect(await hookline.attributes(ada)).toEqual({ was: 1 });
    expect(await hookline.attributes(`old-${ada}`)).toEqual({ is: 2 });
  });

  it('many times at once is stored once', async () => {
    const batch = [
      { type: 'track', messageId: `${ada} 1`, anonymousId: `old-${ada}`, event: 'x' },
      { type: 'alias', messageId: `${ada} 2`, userId: ada, previousId: `old-${ada}` },
      { type: 'track', messageId: `${ada} 3`, userId: ada, event: 'y' },
    ];
    const answers = await Promise.all(Array.from({ length: 10 }, () => post('batch', { batch })));
    expect(new Set(answers.map(({ status }) => status))).toEqual(new Set([200]));
    expect((await client.eventsOf(ada)).map(({ name }) => name)).toEqual(['x', 'alias', 'y']);
  });

  it('in two orders merges crosswise without an end', async () => {
    const other = `other-${ada}`;
    for (const id of [ada, other]) await hookline.api('PUT', `/v1/people/${id}`, { attributes: {} });
    const answers = await Promise.all(
      Array.from({ length: 10 }, (_, index) =>
        post('alias', index % 2 ? { userId: ada, previousId: other } : { userId: other, previousId: ada }),
      ),
    );
    expect(new Set(answers.map(({ status }) => status))).toEqual(new Set([200]));
  });
});

describe('a call by itself', () => {
  it.each([
    ['identify', { traits: { plan: 'gold' } }, { name: 'identify', data: {} }],
    ['track', { event: 'x', properties: { a: 1 } }, { name: 'x', data: { a: 1 } }],
    ['page', { name: 'Pricing' }, { name: 'page', data: { name: 'Pricing' } }],
    ['screen', { name: 'Basket' }, { name: 'screen', data: { name: 'Basket' } }],
    ['group', { groupId: 'acme' }, { name: 'group', data: { groupId: 'acme', traits: {} } }],
    ['alias', { previousId: 'nobody' }, { name: 'alias', data: { previousId: 'nobody' } }],
  ])('%s is stored', async (type, fields, event) => {
    const body = { userId: ada, type: 'other', context: { ip: '1.2.3.4' }, anonymousId: null, ...fields };
    expect(await post(type, body)).toMatchObject({ status: 200, body: { success: true } });
    expect(await client.eventsOf(ada)).toEqual([event]);
  });

  it.each([
    ['track', 'userId: name the person: send userId, or anonymousId', { event: 'x' }],
    ['track', 'event: is missing; write a string', { userId: 'ada' }],
    ['track', 'userId: write an id of 1 to 255 characters', { userId: 'x'.repeat(256), event: 'x' }],
    ['track', 'timestamp: write a time such as', { userId: 'ada', event: 'x', timestamp: 'yesterday' }],
    ['track', 'event: NUL and half surrogate pairs cannot be stored', { userId: 'ada', event: 'x\u0000' }],
    ['group', 'groupId: write an id of 1 to 255 characters', { userId: 'ada' }],
    ['alias', 'previousId: is the same person; name another one', { userId: 'ada', previousId: 'ada' }],
    ['track', 'may take 32768', { userId: 'ada', event: 'x', properties: { a: 'x'.repeat(33_000) } }],
    ['track', 'The body is not valid JSON', '{'],
    ['batch', 'batch: is missing; write a list', {}],
    ['batch', 'batch', { batch: [] }],
    ['batch', '[0].type: ', { batch: [{ type: 'other', userId: 'ada' }] }],
    ['batch', 'send at most 1000 at a time', { batch: Array.from({ length: 1001 }, () => ({})) }],
    ['batch', 'Send a smaller body', { batch: ['x'.repeat(512_001)] }],
  ])('%s is a 400 where %s', async (path, why, body) => {
    const answer = await post(path, body);
    expect(answer).toMatchObject({ status: 400, body: { success: false, message: expect.stringContaining(why) } });
    expect(Object.keys(answer.body ?? {})).toEqual(['success', 'message']);
    expect(answer.headers.get('content-type')).toContain('application/json');
  });
});

it('a batch keeps what is right in it, and names the rest', async () => {
  const batch = [
    { type: 'track', userId: ada, event: 'x', properties: { a: '\u0000' } },
    { type: 'track', userId: ada, event: 'y' },
    { type: 'alias', userId: ada, previousId: 'some' },
    { type: 'identify', userId: ada, traits: { long: 'x'.repeat(30_000) } },
  ];
  await hookline.api('PUT', `/v1/people/${ada}`, { attributes: { a: 'x'.repeat(40_000) } });
  expect((await post('batch', { batch }, basic(client.keys.ingest))).body).toEqual({
    success: true,
    errors: [
      expect.objectContaining({ index: 0, code: 'input.invalid', path: 'properties.a' }),
      expect.objectContaining({ index: 2, code: 'auth.scope', path: 'type' }),
      expect.objectContaining({ index: 3, code: 'people.too_large' }),
    ],
  });
  expect(await client.eventsOf(ada)).toEqual([{ name: 'y', data: {} }]);
});

describe('the key', () => {
  it.each([
    ['none', '', 401],
    ['an empty one', basic(''), 401],
    ['what is no base64', 'Basic %%%', 401],
    ['an unknown one', basic('wrong'), 401],
    ['one of Bearer', `Bearer ${ADMIN_KEY}`, 200],
    ['the admin key', basic(ADMIN_KEY), 200],
  ])('%s is judged as elsewhere', async (_, authorization, status) => {
    const answer = await post('identify', { userId: ada }, authorization);
    expect(answer.status).toBe(status);
    if (status !== 401) return;
    expect(answer.headers.get('www-authenticate')).toMatch(/^Basic /);
    expect(answer.body).toEqual({ success: false, message: expect.stringMatching(/API key/) });
  });

  it('with a rate is told when to come again', async () => {
    const answer = await client.askTooOften((key) => post('identify', { userId: ada }, basic(key)));
    expect(answer).toMatchObject({
      status: 429,
      body: { success: false, message: expect.stringContaining('may send') },
    });
    expect(answer.retryAfter).toBeGreaterThan(0);
  });

  it('of the scope ingest merges nobody', async () => {
    const answer = await post('alias', { userId: ada, previousId: 'some' }, basic(client.keys.ingest));
    expect(answer).toMatchObject({ status: 403, body: { success: false } });
  });
});
