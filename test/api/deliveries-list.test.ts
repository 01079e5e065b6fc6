import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { respond } from '../support/behaviours.ts';
import { eventually } from '../support/eventually.ts';
import { startHookline, type Hookline } from '../support/hookline.ts';
import { expectProblem } from '../support/problem.ts';
import { startReceiver, type Receiver } from '../support/receiver.ts';
import { walkWhile } from '../support/walk.ts';

type Delivery = { id: string; person: string; campaign: string; version: number; step: string; state: string };
type List = { data: (Delivery & { createdAt: string })[]; nextCursor: string | null };

type Alone = { request: { body: unknown }; attempts: { response: { body: unknown } }[] };

let hookline: Hookline;
let receiver: Receiver;
/** All eight, oldest first. */
let all: List['data'];

const list = async (query: string) => (await hookline.api<List>('GET', `/v1/deliveries?${query}`)).body;
const ids = (some: { id: string }[]) => some.map(({ id }) => id);

beforeAll(async () => {
  [hookline, receiver] = await Promise.all([startHookline(), startReceiver()]);
  receiver.on('/ok', respond({ status: 200, body: '{"fine":true}' }));
  receiver.on('/bad', respond({ status: 400, body: 'no' }));
  receiver.on('/down', respond({ status: 500, body: 'later' }));
  await hookline.api('PUT', '/v1/secrets/origin', { value: receiver.origin });
  const tell = {
    type: 'webhook',
    id: 'tell',
    url: receiver.url('/{{ event.to }}'),
    body: { json: { hi: '{{ customer.id }}' } },
  };
  const crm = (url: string) => ({
    trigger: { type: 'event', event: 'joined' },
    steps: [tell, { type: 'webhook', id: 'note', url, method: 'GET', send: 'never' }],
  });
  const say = async (name: string, person: string, to: string, deliveries: number) => {
    await hookline.api('POST', '/v1/events', { person, name, data: { to } });
    return eventually(async () => {
      const { data } = await list('');
      return data.length === deliveries && data.every(({ state }) => state !== 'queued') && data;
    });
  };

  await hookline.publish('crm', crm('https://api.example.com/v1'));
  await say('joined', 'ada', 'ok', 2);
  await say('joined', 'bob', 'bad', 4);
  await say('joined', 'eve', 'down', 5);
  await hookline.publish('crm', crm('https://api.example.com:8443/v2'));
  await say('joined', 'ada', 'ok', 7);
  const steps = [{ type: 'webhook', id: 'tell', url: '{{ secrets.origin }}/ok' }];
  await hookline.publish('vault', { trigger: { type: 'event', event: 'hid' }, steps });
  all = await say('hid', 'ada', 'ok', 8);
});

afterAll(async () => {
  await hookline.stop();
  await receiver.close();
});

describe('GET /v1/deliveries', () => {
  it('is oldest first, or the other way', async () => {
    expect(all.map(({ person, version, step, state }) => [person, version, step, state])).toEqual([
      ['ada', 1, 'tell', 'sent'],
      ['ada', 1, 'note', 'skipped'],
      ['bob', 1, 'tell', 'failed'],
      ['bob', 1, 'note', 'skipped'],
      ['eve', 1, 'tell', 'attempted'],
      ['ada', 2, 'tell', 'sent'],
      ['ada', 2, 'note', 'skipped'],
      ['ada', 1, 'tell', 'sent'],
    ]);
    expect(ids((await list('order=desc')).data)).toEqual(ids(all).toReversed());
  });

  it('has each as it is alone, but for the bodies', async () => {
    for (const delivery of all) {
      const { body } = await hookline.api<Alone>('GET', `/v1/deliveries/${delivery.id}`);
      const { body: _, ...request } = body.request;
      const attempts = body.attempts.map(({ response: { body: _body, ...response }, ...attempt }) => ({
        ...attempt,
        response,
      }));
      expect(delivery).toEqual({ ...body, request, attempts });
    }
    expect(all[0]).toMatchObject({
      request: { method: 'POST' },
      attempts: [{ status: 200, response: { truncated: false } }],
    });
  });

  it('has the bodies where they are asked for', async () => {
    const { data } = await list('include=bodies');
    const alone = await Promise.all(
      all.map(async ({ id }) => (await hookline.api('GET', `/v1/deliveries/${id}`)).body),
    );
    expect(data).toEqual(alone);
    expect(data[0]).toMatchObject({
      request: { body: '{"hi":"ada"}' },
      attempts: [{ response: { body: '{"fine":true}' } }],
    });
    expect(data[1]).toMatchObject({ request: { body: null }, attempts: [] });
  });

  it.each(['asc', 'desc'])('walks through all by its cursor, %s', async (order) => {
    const walked: Delivery[] = [];
    let cursor = '';
    do {
      const page = await list(`order=${order}&limit=3${cursor && `&cursor=${cursor}`}`);
      walked.push(...page.data);
      cursor = page.nextCursor ?? '';
    } while (cursor !== '');
    expect(ids(walked)).toEqual(order === 'asc' ? ids(all) : ids(all).toReversed());
  });

  it.each([
    ['state=sent', [0, 5, 7]],
    ['state=attempted', [4]],
    ['state=queued', []],
    ['campaign=crm', [0, 1, 2, 3, 4, 5, 6]],
    ['campaign=crm&step=note', [1, 3, 6]],
    ['campaign=crm&version=2', [5, 6]],
    ['person=ada', [0, 1, 5, 6, 7]],
    ['person=ada&step=tell&version=1', [0, 7]],
    ['person=nobody', []],
    ['campaign=crm&version=1&step=tell&person=bob&state=failed&host=127.0.0.1', [2]],
  ])('filters by %s', async (query, places) => {
    expect(ids((await list(query)).data)).toEqual(places.map((place) => all[place]?.id));
  });

  it('filters by host, on any port or on one', async () => {
    const { port } = new URL(receiver.origin);
    const places = {
      '127.0.0.1': [0, 2, 4, 5],
      [`127.0.0.1:${port}`]: [0, 2, 4, 5],
      '127.0.0.1:1': [],
      'api.example.com': [1, 3, 6],
      'API.Example.com': [1, 3, 6],
      'api.example.com:443': [1, 3],
      'api.example.com:8443': [6],
      'example.com': [],
      '[::1]': [],
    };
    for (const [host, expected] of Object.entries(places)) {
      expect(ids((await list(`host=${host}`)).data), host).toEqual(expected.map((place) => all[place]?.id));
    }
  });

  it('does not confirm a guess at a host that a secret holds', async () => {
    const hidden = all[7];
    expect(hidden).toMatchObject({ campaign: 'vault', request: { url: '***/ok' } });
    const { host, hostname } = new URL(receiver.origin);
    for (const guess of [host, hostname]) {
      expect(ids((await list(`campaign=vault&host=${guess}`)).data)).toEqual([]);
    }
  });

  it('filters by the time at which they were made', async () => {
    const middle = all[4]?.createdAt ?? '';
    expect(ids((await list(`createdBefore=${middle}`)).data)).toEqual(ids(all.slice(0, 4)));
    expect(ids((await list(`createdAfter=${middle}`)).data)).toEqual(ids(all.slice(4)));
  });

  it.each([
    ['state=sendt', 'query.state: "sendt" is not known; did you mean "sent"?'],
    ['state=', /^query\.state: "" is not known; use drafted, approved, queued/],
    ['include=body', 'query.include: "body" is not known; use bodies'],
    ['step=tell', 'query.step: a step belongs to a campaign: send campaign too, or person'],
    [
      'version=2&state=sent',
      'query.version: a version belongs to a campaign or a webhook: send campaign or webhook too, or person',
    ],
    ['campaign=crm&version=0', 'query.version: write the number of a version, such as 2'],
    ['campaign=crm&version=two', 'query.version: write the number of a version, such as 2'],
    ['host=https://x', 'query.host: write a host such as api.example.com or api.example.com:8443'],
    ['host=x:99999', 'query.host: write a host such as api.example.com or api.example.com:8443'],
    ['host=', 'query.host: write a host such as api.example.com or api.example.com:8443'],
    ['persn=x', 'query.persn: unknown key "persn"; did you mean "person"?'],
    ['cursor=x', 'query.cursor: take the nextCursor of the page before, as it is'],
  ])('refuses ?%s', async (query, fault) => {
    const { faults } = expectProblem(await hookline.api('GET', `/v1/deliveries?${query}`), 422, 'input.invalid');
    expect(faults).toEqual([fault instanceof RegExp ? expect.stringMatching(fault) : fault]);
  });
});

describe('a walk through deliveries while others are made', () => {
  const idsOf = async (query: string) => ids((await list(`${query}&limit=200`)).data);
  const make = async () => {
    const { length } = await idsOf('');
    const events = ['ada', 'bob'].map((person) => ({ person, name: 'walked' }));
    await hookline.api('POST', '/v1/events', events);
    await eventually(async () => (await idsOf('')).length === length + 2);
  };

  it('has each that was there once, and new ones only behind them', async () => {
    const steps = [{ type: 'webhook', id: 'note', url: receiver.url('/ok'), send: 'never' }];
    await hookline.publish('walk', { trigger: { type: 'event', event: 'walked' }, steps });
    for (const query of ['', 'state=skipped']) {
      const before = await idsOf(query);
      const limit = query === '' ? 2 : 1;
      const walk = (order: string) =>
        walkWhile((cursor) => list(`${query}&order=${order}&limit=${limit}${cursor}`), make);
      expect(await walk('desc')).toEqual(before.toReversed());
      expect(await walk('asc')).toEqual(await idsOf(query));
      expect((await idsOf(query)).slice(0, before.length)).toEqual(before);
    }
  });
});
