import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { eventually } from '../support/eventually.ts';
import { startHookline, type Hookline } from '../support/hookline.ts';
import { expectProblem } from '../support/problem.ts';
import { walkWhile } from '../support/walk.ts';

type Journey = { id: string; person: string; campaign: string; startedAt: string };
type List = { data: Journey[]; nextCursor: string | null };

let hookline: Hookline;
/** All 23, oldest first. */
let journeys: Journey[];

const list = async (query: string) => (await hookline.api<List>('GET', `/v1/journeys?${query}`)).body;

beforeAll(async () => {
  hookline = await startHookline({ worker: false });
  const steps = [{ type: 'exit' }];
  await hookline.publish('signups', { trigger: { type: 'event', event: 'signed_up' }, steps });
  await hookline.publish('orders', { trigger: { type: 'event', event: 'ordered' }, steps });
  for (let index = 0; index < 23; index += 1) {
    const name = index % 4 === 0 ? 'ordered' : 'signed_up';
    await hookline.api('POST', '/v1/events', { person: index % 3 === 0 ? 'ada' : 'grace', name });
  }
  journeys = await eventually(async () => {
    const { data } = await list('limit=200');
    return data.length === 23 && data;
  });
});

afterAll(() => hookline.stop());

const ids = (some: Journey[]) => some.map(({ id }) => id);

describe('GET /v1/journeys', () => {
  it('shows each journey as the design has it', () => {
    expect(journeys[0]).toEqual({
      id: expect.stringMatching(/^jrn_/),
      campaign: expect.any(String),
      version: 1,
      person: expect.any(String),
      state: 'starting',
      step: null,
      startedAt: expect.stringMatching(/Z$/),
      endedAt: null,
      reason: null,
      temporalUrl: null,
    });
  });

  it('is in the order of ids, which is that of time, oldest first, or the other way', async () => {
    expect(ids(journeys)).toEqual(ids(journeys).toSorted());
    expect(ids((await list('order=desc&limit=200')).data)).toEqual(ids(journeys).toReversed());
  });

  it.each([
    ['asc', 5],
    ['desc', 5],
    ['asc', 1],
    ['desc', 23],
    ['asc', 22],
  ])('walks through all by its cursor, %s in pages of %d', async (order, limit) => {
    const walked: Journey[] = [];
    let cursor = '';
    do {
      const page = await list(`order=${order}&limit=${limit}${cursor && `&cursor=${cursor}`}`);
      expect(page.data.length).toBe(Math.min(limit, 23 - walked.length));
      walked.push(...page.data);
      cursor = page.nextCursor ?? '';
    } while (cursor !== '');
    expect(ids(walked)).toEqual(order === 'asc' ? ids(journeys) : ids(journeys).toReversed());
  });

  it('filters by campaign, person and state, alone and together', async () => {
    const by = (fields: Partial<Journey>) =>
      ids(journeys.filter((one) => Object.entries(fields).every(([key, value]) => Reflect.get(one, key) === value)));
    expect(ids((await list('campaign=orders')).data)).toEqual(by({ campaign: 'orders' }));
    expect(ids((await list('person=ada')).data)).toEqual(by({ person: 'ada' }));
    expect(ids((await list('person=ada&campaign=orders')).data)).toEqual(by({ person: 'ada', campaign: 'orders' }));
    expect(ids((await list('state=starting&limit=200')).data)).toEqual(ids(journeys));
    for (const none of ['state=completed', 'person=nobody', 'campaign=none', 'person=ada&state=exited']) {
      expect(await list(none)).toEqual({ data: [], nextCursor: null });
    }
  });

  it('filters by the time at which they began: from createdAfter on, before createdBefore', async () => {
    const middle = journeys[11]?.startedAt ?? '';
    const earlier = journeys.filter(({ startedAt }) => startedAt < middle);
    const later = journeys.filter(({ startedAt }) => startedAt >= middle);
    expect(ids((await list(`createdBefore=${middle}`)).data)).toEqual(ids(earlier));
    expect(ids((await list(`createdAfter=${middle}`)).data)).toEqual(ids(later));
    expect((await list(`createdAfter=${middle}&createdBefore=${middle}`)).data).toEqual([]);
  });

  it.each([
    ['limit=0', 'query.limit: write a number from 1 to 200'],
    ['limit=201', 'query.limit: write a number from 1 to 200'],
    ['limit=-1', 'query.limit: write a number from 1 to 200'],
    ['limit=ten', 'query.limit: write a number from 1 to 200'],
    ['limit=', 'query.limit: write a number from 1 to 200'],
    ['limit=5&limit=6', 'query.limit: must be a string, not a list'],
    ['order=newest', 'query.order: "newest" is not known; use asc or desc'],
    ['state=runing', /^query\.state: "runing" is not known; use /],
    ['person=', 'query.person: write an id of 1 to 255 characters'],
    ['createdAfter=yesterday', /^query\.createdAfter: write a time such as /],
    ['createdBefore=0000-01-01T00:00:00Z', /^query\.createdBefore: write a time such as /],
    ['campain=x', /^query\.campain: unknown key "campain"; did you mean "campaign"/],
    ['person[id]=x', /^query\['person\[id\]'\]: unknown key/],
    ['__proto__=x', /^query\.__proto__: /],
    ['cursor=jrn_1', 'query.cursor: take the nextCursor of the page before, as it is'],
  ])('refuses ?%s', async (query, fault) => {
    const { faults } = expectProblem(await hookline.api('GET', `/v1/journeys?${query}`), 422, 'input.invalid');
    expect(faults).toEqual([fault instanceof RegExp ? expect.stringMatching(fault) : fault]);
  });

  it('tells every fault of a query in one pass', async () => {
    const answer = await hookline.api('GET', '/v1/journeys?limit=0&order=up&color=red');
    expect(expectProblem(answer, 422, 'input.invalid').faults).toHaveLength(3);
  });
});

describe('GET /v1/journeys/:id', () => {
  it('adds the log and the deliveries', async () => {
    const journey = await hookline.api('GET', `/v1/journeys/${journeys[0]?.id}`);
    expect(journey).toMatchObject({ status: 200, body: { ...journeys[0], log: [], deliveries: [] } });
  });
});

describe('a walk through journeys while others begin', () => {
  const idsOf = async (query: string) => ids((await list(`${query}&limit=200`)).data);
  const begin = async () => {
    const { length } = await idsOf('');
    const events = ['ada', 'grace'].map((person) => ({ person, name: 'ordered' }));
    await hookline.api('POST', '/v1/events', events);
    await eventually(async () => (await idsOf('')).length === length + 2);
  };

  it.each(['', 'person=ada', 'campaign=orders', 'state=starting'])(
    'has each that was there once, and new ones only behind them: ?%s',
    async (query) => {
      const before = await idsOf(query);
      const walk = (order: string) => walkWhile((cursor) => list(`${query}&order=${order}&limit=1${cursor}`), begin);
      expect(await walk('desc')).toEqual(before.toReversed());
      expect(await walk('asc')).toEqual(await idsOf(query));
      expect((await idsOf(query)).slice(0, before.length)).toEqual(before);
    },
  );
});
