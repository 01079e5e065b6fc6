import { sql } from 'drizzle-orm';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { createCompatClient } from '../../support/compat.ts';
import { ADMIN_KEY, startHookline, type Hookline } from '../../support/hookline.ts';

let hookline: Hookline;
let client: Awaited<ReturnType<typeof createCompatClient>>;

beforeAll(async () => {
  hookline = await startHookline({ worker: false, relays: 0 });
  client = await createCompatClient(hookline);
  await hookline.publish('offer', { trigger: { type: 'manual' }, steps: [{ type: 'exit' }] });
  await hookline.publish('7', { trigger: { type: 'manual' }, steps: [{ type: 'exit' }] });
});
afterAll(() => hookline.stop());

type Came = { success: boolean; reqId?: string; warning?: { message: string }; error?: { message: string } };
async function ask(query: Record<string, string>, request: RequestInit = {}) {
  const response = await fetch(`${hookline.url}/compat/leanplum/api?${new URLSearchParams(query).toString()}`, request);
  const { response: came } = (await response.json()) as { response: Came[] };
  return { status: response.status, headers: response.headers, came };
}

const app = { appId: 'app_1', apiVersion: '1.0.6', devMode: false };
const headers = { 'content-type': 'application/json' };
/** As most clients do: the action in the query, and all else in the body. */
const post = (action: string, fields: object, clientKey = client.keys.operate) =>
  ask({ action }, { method: 'POST', headers, body: JSON.stringify({ ...app, clientKey, ...fields }) });

const broadcastsOf = async (campaign: string) => [
  ...(await hookline.database.db.execute(sql`
    select data, selected from broadcasts where campaign_id = ${campaign} order by id`)),
];

/** A person whom no other test knows. */
let ada: string;
let count = 0;
beforeEach(() => {
  count += 1;
  ada = `ada-${count}`;
});

describe('an action', () => {
  it('sets attributes; null removes one', async () => {
    const userAttributes = { plan: 'gold', seats: 3, tags: ['a'], old: null };
    expect(await post('setUserAttributes', { userId: ada, userAttributes }, client.keys.ingest)).toMatchObject({
      status: 200,
      came: [{ success: true }],
    });
    await post('setUserAttributes', { userId: ada, userAttributes: JSON.stringify({ seats: null, city: '' }) });
    expect(await hookline.attributes(ada)).toEqual({ plan: 'gold', tags: ['a'], city: '' });
  });

  it('tracks an event with its value, info and parameters', async () => {
    await post('track', {
      ...{ userId: ada, event: 'Purchase', reqId: `r ${ada}`, time: 1767225600.5 },
      ...{ value: 9.5, info: 'x', currencyCode: 'EUR', params: { sku: 'a-7' } },
    });
    await post('track', { deviceId: ada, userId: '', event: 'Plain' });
    expect(await client.eventsOf(ada)).toEqual([
      { name: 'Purchase', data: { sku: 'a-7', value: 9.5, info: 'x', currencyCode: 'EUR' } },
      { name: 'Plain', data: {} },
    ]);
    expect((await hookline.api('GET', `/v1/events/r ${ada}`)).body).toMatchObject({
      timestamp: '2026-01-01T00:00:00.500Z',
    });
  });

  it('starts a session', async () => {
    await post('start', { userId: ada, deviceId: 'phone', userAttributes: { plan: 'gold' }, systemName: 'iOS' });
    expect(await client.eventsOf(ada)).toEqual([{ name: 'start', data: {} }]);
    expect(await hookline.attributes(ada)).toEqual({ plan: 'gold' });
    expect(await client.isKnown('phone')).toBe(false);
  });

  it('makes nobody where it says so', async () => {
    const createDisposition = 'CreateNever';
    const skipped = {
      status: 200,
      came: [{ success: true, warning: { message: expect.stringContaining('skipped') } }],
    };
    expect(await post('track', { userId: ada, event: 'x', createDisposition })).toMatchObject(skipped);
    expect(await client.isKnown(ada)).toBe(false);
    await post('start', { userId: ada });
    expect((await post('track', { userId: ada, event: 'x', createDisposition })).came).toEqual([{ success: true }]);
    expect(await client.eventsOf(ada)).toHaveLength(2);
  });

  it('with a reqId counts once, also many at once', async () => {
    const call = { userId: ada, event: 'x', reqId: `r ${ada}` };
    const answers = await Promise.all(Array.from({ length: 10 }, () => post('track', call)));
    for (const { came } of answers) expect(came).toEqual([{ success: true, reqId: call.reqId }]);
    expect(await client.eventsOf(ada)).toHaveLength(1);
    const set = { userId: ada, userAttributes: { plan: 'free' }, reqId: `s ${ada}` };
    await post('setUserAttributes', set);
    await post('setUserAttributes', { userId: ada, userAttributes: { plan: 'gold' } });
    await post('setUserAttributes', set);
    expect(await hookline.attributes(ada)).toEqual({ plan: 'gold' });
  });

  it('sends a message: it enters somebody who is known into a manual campaign', async () => {
    const call = { userId: ada, messageId: 'offer', values: { code: 4711 }, reqId: `m ${ada}` };
    const skipped = [{ success: true, reqId: call.reqId, warning: { message: expect.stringContaining('not found') } }];
    expect((await post('sendMessage', call)).came).toEqual(skipped);
    await post('start', { userId: ada });
    for (let time = 0; time < 2; time += 1) {
      expect((await post('sendMessage', call)).came).toEqual([{ success: true, reqId: call.reqId }]);
    }
    expect(await broadcastsOf('offer')).toEqual([{ data: { code: 4711 }, selected: 1 }]);
    const other = { userId: `new-${ada}`, messageId: 7, createDisposition: 'CreateIfNeeded', values: '{"a":1}' };
    expect((await post('sendMessage', other)).came).toEqual([{ success: true }]);
    expect(await broadcastsOf('7')).toEqual([{ data: { a: 1 }, selected: 1 }]);
    expect(await client.isKnown(`new-${ada}`)).toBe(true);
  });
});

describe('the arguments', () => {
  const call = () => ({
    action: 'track',
    clientKey: client.keys.ingest,
    userId: ada,
    event: 'x',
    value: '9.5',
    params: '{"a":[1]}',
  });
  const expectStored = async ({ status }: { status: number }) => {
    expect(status).toBe(200);
    expect(await client.eventsOf(ada)).toEqual([{ name: 'x', data: { a: [1], value: 9.5 } }]);
  };

  it('may stand in the query of a GET', async () => expectStored(await ask(call())));
  it('may stand in the query of a POST', async () => expectStored(await ask(call(), { method: 'POST' })));
  it('may be JSON', async () => expectStored(await ask({}, { method: 'POST', headers, body: JSON.stringify(call()) })));
  it('may be a form', async () => expectStored(await ask({}, { method: 'POST', body: new URLSearchParams(call()) })));
  it('may be a form of several parts', async () => {
    const form = new FormData();
    for (const [name, value] of Object.entries(call())) form.set(name, value);
    await expectStored(await ask({}, { method: 'POST', body: form }));
  });

  it.each([
    ['multipart/form-data', 'x', 'not the form'],
    ['multipart/form-data; boundary=a', '--a\r\nx', 'not the form'],
    ['text/plain', '{}', 'text/plain'],
    ['application/json', '{', 'not valid JSON'],
    ['application/json', '[]', 'must be an object'],
  ])('are refused as %s of %s', async (type, body, why) => {
    const request = { method: 'POST', headers: { 'content-type': type, authorization: `Bearer ${ADMIN_KEY}` }, body };
    expect(await ask({ action: 'track' }, request)).toMatchObject({
      status: 400,
      came: [{ success: false, error: { message: expect.stringContaining(why) } }],
    });
  });

  it('are no files', async () => {
    const form = new FormData();
    form.set('clientKey', client.keys.ingest);
    form.set('params', new Blob(['{}']));
    expect(await ask({ action: 'track' }, { method: 'POST', body: form })).toMatchObject({
      status: 400,
      came: [{ success: false, error: { message: 'params: is a file; send a text' } }],
    });
  });
});

describe('multi', () => {
  it('does each in its order, and says what came of each', async () => {
    const data = [
      { action: 'start', userId: ada, userAttributes: { plan: 'free' }, reqId: `1 ${ada}` },
      { action: 'track', userId: ada, event: 'x', params: { a: '\u0000' }, reqId: `2 ${ada}` },
      { action: 'track', userId: ada, event: 'y', params: '{"a":"\\u0000"}' },
      { action: 'track', userId: ada, event: 'y', params: '{' },
      { action: 'sendMessage', userId: ada, messageId: 'none' },
      { action: 'sendMessage', userId: `nobody-${ada}`, messageId: 'offer' },
      { action: 'sendMessage', userId: ada, messageId: 'offer', values: { of: ada } },
      { action: 'track', userId: ada, event: 'z', userAttributes: { plan: 'x' } },
      { action: 'setUserAttributes', userId: ada, userAttributes: { plan: 'gold' } },
      { action: 'setUserAttributes', userId: ada, userAttributes: { long: 'x'.repeat(70_000) } },
      { action: 'setUserAttributes', userId: ada, userAttributeValuesToIncrement: { seats: 1 } },
      { action: 'multi', data: [] },
      'track',
    ];
    const failed = (why: string) => ({ success: false, error: { message: expect.stringContaining(why) } });
    expect((await post('multi', { data })).came).toEqual([
      { success: true, reqId: `1 ${ada}` },
      { ...failed('params.a: NUL'), reqId: `2 ${ada}` },
      failed('params.a: NUL'),
      failed('The params is not valid JSON'),
      failed('No campaign has the id "none"'),
      { success: true, warning: { message: expect.stringContaining('skipped') } },
      { success: true },
      { success: true },
      { success: true },
      failed('at most 65536 are kept'),
      failed('userAttributeValuesToIncrement: nothing is counted here'),
      failed('use setUserAttributes'),
      failed('use setUserAttributes'),
    ]);
    expect((await client.eventsOf(ada)).map(({ name }) => name)).toEqual(['start', 'z', 'setUserAttributes']);
    expect(await hookline.attributes(ada)).toEqual({ plan: 'gold' });
    expect((await broadcastsOf('offer')).at(-1)).toMatchObject({ data: { of: ada } });
  });

  it('that comes again changes nothing', async () => {
    const data = JSON.stringify([
      { action: 'setUserAttributes', userId: ada, userAttributes: { plan: 'free' }, reqId: `1 ${ada}` },
      { action: 'track', userId: ada, event: 'x', reqId: `2 ${ada}` },
    ]);
    const answers = [await post('multi', { data }), await post('multi', { data })];
    for (const { came } of answers) expect(came.map(({ success }) => success)).toEqual([true, true]);
    expect(await client.eventsOf(ada)).toHaveLength(2);
  });

  it.each([
    ['no list', {}, 'data: is missing; write a list'],
    ['an empty list', { data: '[]' }, 'data: must not be empty'],
    ['too many', { data: Array.from({ length: 1001 }, () => ({})) }, 'send at most 1000 at a time'],
    ['too much', { data: ['x'.repeat(1_100_000)] }, 'Send a smaller body'],
    ['no JSON', { data: '[' }, 'The data is not valid JSON'],
    ['too deep a text', { data: '['.repeat(70) + ']'.repeat(70) }, 'nested deeper than 64'],
  ])('of %s is a 400', async (_, fields, why) => {
    expect(await post('multi', fields)).toMatchObject({
      status: 400,
      came: [{ success: false, error: { message: expect.stringContaining(why) } }],
    });
  });
});

describe('a call by itself', () => {
  it.each([
    ['track', 400, 'userId: name the person', { event: 'x' }],
    ['track', 400, 'event: is missing; write a string', { userId: 'ada' }],
    ['track', 400, 'userId: write an id of 1 to 255 characters', { userId: 'x'.repeat(256), event: 'x' }],
    ['track', 400, 'time: write seconds', { userId: 'ada', event: 'x', time: 1767225600000 }],
    ['track', 400, 'value: write a number', { userId: 'ada', event: 'x', value: 'much' }],
    ['track', 400, 'params: must be an object', { userId: 'ada', event: 'x', params: '[]' }],
    ['track', 400, 'may take 32768', { userId: 'ada', event: 'x', params: { a: 'x'.repeat(33_000) } }],
    ['setUserAttributes', 400, 'newUserId: an id cannot be changed', { userId: 'ada', newUserId: 'eve' }],
    ['sendMessage', 400, 'messageId: write the id of a campaign', { userId: 'ada' }],
    ['sendMessage', 400, 'force: nobody is entered against', { userId: 'ada', messageId: 'offer', force: true }],
    ['heartbeat', 400, 'action: use setUserAttributes', { userId: 'ada' }],
    ['', 400, 'action: use setUserAttributes', { userId: 'ada' }],
  ])('%s is a %i where %s', async (action, status, why, fields) => {
    const answer = await post(action, fields);
    expect(answer).toMatchObject({
      status,
      came: [{ success: false, error: { message: expect.stringContaining(why) } }],
    });
    expect(answer.headers.get('content-type')).toContain('application/json');
  });

  it('is refused where there is no such campaign, or it is none by hand', async () => {
    await post('start', { userId: ada });
    await hookline.publish('by-event', { trigger: { type: 'event', event: 'x' }, steps: [{ type: 'exit' }] });
    for (const [messageId, status] of [
      ['none', 404],
      ['by-event', 409],
    ] as const) {
      const answer = await post('sendMessage', { userId: ada, messageId });
      expect(answer).toMatchObject({ status, came: [{ success: false }] });
    }
  });
});

describe('the key', () => {
  it.each([
    ['none', '', 401],
    ['an unknown one', 'wrong', 401],
    ['the admin key', ADMIN_KEY, 200],
  ])('%s is judged as elsewhere', async (_, clientKey, status) => {
    for (const answer of [
      await post('start', { userId: ada }, clientKey),
      await ask({ action: 'start', userId: ada, clientKey }),
    ]) {
      expect(answer.status).toBe(status);
      if (status === 401) {
        expect(answer.came).toEqual([{ success: false, error: { message: expect.stringMatching(/API key/) } }]);
      }
    }
    expect(await client.isKnown(ada)).toBe(status === 200);
  });

  it('of the scope ingest sends no messages, alone or in a list', async () => {
    const call = { userId: ada, messageId: 'offer' };
    await post('start', { userId: ada });
    const refused = [{ success: false, error: { message: expect.stringContaining('scope operate') } }];
    expect(await post('sendMessage', call, client.keys.ingest)).toMatchObject({ status: 403, came: refused });
    const data = [{ action: 'sendMessage', ...call }];
    expect(await post('multi', { data }, client.keys.ingest)).toMatchObject({ status: 200, came: refused });
  });

  it('with a rate is told when to come again', async () => {
    const answer = await client.askTooOften((key) => post('start', { userId: ada }, key));
    expect(answer).toMatchObject({
      status: 429,
      came: [{ success: false, error: { message: expect.stringContaining('may send') } }],
    });
    expect(answer.retryAfter).toBeGreaterThan(0);
  });
});
