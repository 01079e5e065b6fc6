import { APIClient, TrackClient } from 'customerio-node';
import { sql } from 'drizzle-orm';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { cert } from '../../support/certificate.ts';
import { createCompatClient } from '../../support/compat.ts';
import { ADMIN_KEY, startHookline, type Hookline } from '../../support/hookline.ts';
import { startTlsFront } from '../../support/tls-front.ts';

let hookline: Hookline;
let front: Awaited<ReturnType<typeof startTlsFront>>;
let client: Awaited<ReturnType<typeof createCompatClient>>;

beforeAll(async () => {
  hookline = await startHookline({ worker: false, relays: 0 });
  front = await startTlsFront(hookline.url);
  client = await createCompatClient(hookline);
});
afterAll(async () => {
  await front.stop();
  await hookline.stop();
});

/** The package as anybody uses it: of its `url` it takes no port. */
const optionsFor = (url: string) => ({ url: `https://127.0.0.1/compat/customerio/${url}`, port: front.port, ca: cert });
const track = (key = client.keys.operate) => new TrackClient('any site', key, optionsFor('api/v1'));
const api = (key = client.keys.operate, url = 'v1') => new APIClient(key, optionsFor(url));

/** What the package says that went wrong. */
async function refusal(call: Promise<unknown>): Promise<{ statusCode: number; message: string }> {
  return call.then(
    () => Promise.reject(new Error('it was not refused')),
    ({ statusCode, message }) => ({ statusCode, message }),
  );
}

const personOf = async (id: string) =>
  (await hookline.api<{ attributes: object; suppressed: boolean }>('GET', `/v1/people/${encodeURIComponent(id)}`)).body;

/** A person whom no other test knows. */
let ada: string;
let count = 0;
beforeEach(() => {
  count += 1;
  ada = `ada@example.com/${count}`;
});

describe('TrackClient of the package customerio-node', () => {
  it('identifies people; null and an empty text remove an attribute', async () => {
    const customer = track(client.keys.ingest);
    await customer.identify(ada, {
      id: ada,
      created_at: 1767225600,
      plan: 'gold',
      seats: 3,
      address: { city: 'Bath' },
    });
    await customer.identify(ada, {
      plan: null,
      seats: '',
      anonymous_id: '',
      cio_subscriptions: { news: false },
      unsubscribed: false,
    });
    expect(await personOf(ada)).toMatchObject({
      attributes: {
        created_at: 1767225600,
        address: { city: 'Bath' },
        cio_subscriptions: { news: false },
        unsubscribed: false,
      },
    });
    expect(await client.eventsOf(ada)).toEqual([]);
  });

  it('knows people whose id is a number', async () => {
    await track().identify(4711, { id: 4711, plan: 'gold' });
    expect((await personOf('4711')).attributes).toEqual({ plan: 'gold' });
  });

  it('makes nobody by what is an update only', async () => {
    await track().identify(ada, { plan: 'gold', _update: true });
    expect(await client.isKnown(ada)).toBe(false);
    await track().identify(ada, { plan: 'free' });
    await track().identify(ada, { plan: 'gold', _update: true });
    expect((await personOf(ada)).attributes).toEqual({ plan: 'gold' });
  });

  it('tracks events, each id once', async () => {
    const event = { name: ' order_placed ', id: `01HB${ada}`, timestamp: 1767225600, data: { total: 120 } };
    for (let time = 0; time < 3; time += 1) await track(client.keys.ingest).track(ada, event);
    await track(client.keys.ingest).track(ada, { name: 'order_placed', type: 'socks' });
    expect(await client.eventsOf(ada)).toEqual([
      { name: 'order_placed', data: { total: 120 } },
      { name: 'order_placed', data: {} },
    ]);
    expect((await hookline.api('GET', `/v1/events/${encodeURIComponent(event.id)}`)).body).toMatchObject({
      person: ada,
      timestamp: '2026-01-01T00:00:00.000Z',
    });
  });

  it('tells of pages and screens', async () => {
    const url = `https://example.com/${'x'.repeat(300)}`;
    await track().trackPageView(ada, url);
    await track().track(ada, { type: 'screen', name: 'basket', data: { items: 2 } });
    expect(await client.eventsOf(ada)).toEqual([
      { name: 'page', data: { name: url } },
      { name: 'screen', data: { items: 2, name: 'basket' } },
    ]);
  });

  it('knows visitors by anonymous_id, and makes them one with a person who is identified', async () => {
    await track(client.keys.ingest).trackAnonymous(`visitor of ${ada}`, { name: 'looked', data: { at: 'socks' } });
    await track().identify(ada, { plan: 'gold', anonymous_id: `visitor of ${ada}` });
    await track().identify(ada, { plan: 'gold', anonymous_id: `visitor of ${ada}` });
    expect(await client.isKnown(`visitor of ${ada}`)).toBe(false);
    expect(await client.eventsOf(ada)).toEqual([{ name: 'looked', data: { at: 'socks' } }]);
    expect((await personOf(ada)).attributes).toEqual({ plan: 'gold', anonymous_id: `visitor of ${ada}` });
  });

  it('erases people, whoever they were, with an admin key', async () => {
    await track().identify(ada, { plan: 'gold' });
    expect(await refusal(track().destroy(ada))).toMatchObject({ statusCode: 403 });
    for (let time = 0; time < 2; time += 1) await track(ADMIN_KEY).destroy(ada);
    expect(await client.isKnown(ada)).toBe(false);
  });

  it('suppresses people, also those who come later', async () => {
    for (let time = 0; time < 2; time += 1) await track().suppress(ada);
    await track().identify(ada, { plan: 'gold' });
    expect(await personOf(ada)).toMatchObject({ suppressed: true, attributes: { plan: 'gold' } });
    await track().unsuppress(ada);
    expect(await personOf(ada)).toMatchObject({ suppressed: false, attributes: { plan: 'gold' } });
    await track().unsuppress(`nobody ${ada}`);
    expect(await client.isKnown(`nobody ${ada}`)).toBe(false);
  });

  it('merges people, once', async () => {
    const id = 'id' as Parameters<TrackClient['mergeCustomers']>[0];
    await track().identify(`old ${ada}`, { plan: 'gold', source: 'ad' });
    await track().identify(ada, { plan: 'free' });
    for (let time = 0; time < 2; time += 1) await track().mergeCustomers(id, ada, id, `old ${ada}`);
    expect((await personOf(ada)).attributes).toEqual({ plan: 'free', source: 'ad' });
    expect(await client.isKnown(`old ${ada}`)).toBe(false);
    expect(await refusal(track().mergeCustomers(id, ada, id, ada))).toEqual({
      statusCode: 400,
      message: expect.stringContaining('secondary: is the same person'),
    });
  });

  it('merges nobody into somebody who is not there', async () => {
    const id = 'id' as Parameters<TrackClient['mergeCustomers']>[0];
    await track().identify(`old ${ada}`);
    expect(await refusal(track().mergeCustomers(id, ada, id, `old ${ada}`))).toEqual({
      statusCode: 400,
      message: expect.stringContaining('primary: nobody has this id'),
    });
    expect(await client.isKnown(`old ${ada}`)).toBe(true);
  });

  it('hears that its key is refused', async () => {
    expect(await refusal(track('wrong').track(ada, { name: 'x' }))).toEqual({
      statusCode: 401,
      message: expect.stringContaining('API key'),
    });
    expect(await client.isKnown(ada)).toBe(false);
  });

  it('hears what there is nothing for', async () => {
    const refused = { statusCode: 404, message: expect.stringContaining('does not exist') };
    expect(await refusal(track().addDevice(ada, 'token', 'ios'))).toEqual(refused);
    expect(await refusal(track().deleteDevice(ada, 'token'))).toEqual(refused);
    expect(await refusal(track().trackPush({ event: 'opened' }))).toEqual(refused);
    expect(await refusal(api().getCustomersByEmail('ada@example.com'))).toEqual(refused);
  });
});

describe('APIClient of the package customerio-node', () => {
  beforeAll(async () => {
    await hookline.publish('offer', { trigger: { type: 'manual' }, steps: [{ type: 'exit' }] });
    await hookline.publish('by-event', { trigger: { type: 'event', event: 'x' }, steps: [{ type: 'exit' }] });
    await hookline.api('PUT', '/v1/segments/7', { condition: { 'customer.plan': 'gold' } });
  });
  const broadcastOf = async ({ id }: Record<string, string>) => {
    const [row] = await hookline.database.db.execute(
      sql`select campaign_id, data, selected, audience from broadcasts where id = ${id}`,
    );
    return row;
  };

  it.each(['v1', 'api/v1'])('triggers a broadcast below %s for people', async (url) => {
    await track().identify(ada);
    const answer = await api(client.keys.operate, url).triggerBroadcast('offer', { code: 4711 }, { ids: [ada, ada] });
    expect(await broadcastOf(answer)).toMatchObject({ campaign_id: 'offer', data: { code: 4711 }, selected: 1 });
  });

  it('does so for those of the people who are known', async () => {
    await track().identify(ada);
    const ids = [ada, `nobody ${ada}`];
    expect(await refusal(api().triggerBroadcast('offer', {}, { ids }))).toEqual({
      statusCode: 400,
      message: expect.stringContaining('not known'),
    });
    const answer = await api().triggerBroadcast('offer', {}, { ids, id_ignore_missing: true });
    expect(await broadcastOf(answer)).toMatchObject({ selected: 1 });
    const nobody = { ids: [`nobody ${ada}`], id_ignore_missing: true };
    expect(await refusal(api().triggerBroadcast('offer', {}, nobody))).toMatchObject({ statusCode: 400 });
  });

  it.each([
    [{ emails: ['ada@example.com'] }, { 'customer.email': { in: ['ada@example.com'] } }],
    [{ segment: { id: 7 } }, { segment: '7' }],
    [
      {
        or: [
          { not: { segment: { id: 7 } } },
          {
            and: [
              { attribute: { field: "a'b", operator: 'exists' } },
              { attribute: { field: 'plan', operator: 'eq', value: 'gold' } },
            ],
          },
        ],
      },
      {
        or: [
          { not: { segment: '7' } },
          { and: [{ 'customer["a\'b"]': { exists: true } }, { "customer['plan']": { eq: 'gold' } }] },
        ],
      },
    ],
  ])('does so for everybody whom %j means', async (recipients, audience) => {
    const answer = await api().triggerBroadcast('offer', { code: 1 }, recipients);
    expect(await broadcastOf(answer)).toMatchObject({ campaign_id: 'offer', data: { code: 1 }, audience });
  });

  it.each([
    ['none', { ids: ['nobody'] }, 404, 'No campaign has the id "none"'],
    ['by-event', { ids: ['nobody'] }, 409, 'starts by event'],
    ['offer', { per_user_data: [{ id: 'ada', data: {} }] }, 400, 'everybody is given the same data'],
    ['offer', { data_file_url: 'https://a.test/' }, 400, 'nothing is fetched'],
    ['offer', {}, 400, 'write and, or, not, segment or attribute'],
    ['offer', { segment: { id: 8 } }, 400, 'The audience is invalid'],
  ])('hears why %s is not triggered for %j', async (campaign, recipients, statusCode, why) => {
    expect(await refusal(api().triggerBroadcast(campaign, {}, recipients))).toEqual({
      statusCode,
      message: expect.stringContaining(why),
    });
  });

  it('needs a key with the scope operate', async () => {
    expect(await refusal(api(client.keys.ingest).triggerBroadcast('offer', {}, { ids: ['ada'] }))).toMatchObject({
      statusCode: 403,
    });
  });
});
