import { sql } from 'drizzle-orm';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { respond } from '../support/behaviours.ts';
import { eventually } from '../support/eventually.ts';
import { startHookline, type Hookline } from '../support/hookline.ts';
import { expectProblem } from '../support/problem.ts';
import { startReceiver, type Receiver } from '../support/receiver.ts';

type Item = { at: string; type: string; id?: string; what?: string; changes?: Record<string, unknown> };
type List = { data: Item[]; nextCursor: string | null };

let hookline: Hookline;
let receiver: Receiver;

beforeAll(async () => {
  [hookline, receiver] = await Promise.all([startHookline(), startReceiver()]);
});

afterAll(async () => {
  await hookline.stop();
  await receiver.close();
});

const read = async (person: string, query = 'limit=200') =>
  (await hookline.api<List>('GET', `/v1/people/${person}/timeline?${query}`)).body;
const put = (person: string, attributes: unknown) => hookline.api('PUT', `/v1/people/${person}`, { attributes });
const post = (events: unknown) => hookline.api('POST', '/v1/events', events);

async function walk(person: string, query: string): Promise<Item[]> {
  const walked: Item[] = [];
  let cursor = '';
  do {
    const page = await read(person, `${query}${cursor && `&cursor=${cursor}`}`);
    walked.push(...page.data);
    cursor = page.nextCursor ?? '';
  } while (cursor !== '');
  return walked;
}

describe('events of one request', () => {
  it('stand in its order, whatever their ids and the other people in it', async () => {
    const ids = Array.from({ length: 500 }, (_, index) => `in-order-${(index * 7) % 500}`);
    const event = (id: string, index: number) => ({
      id,
      person: index % 5 === 4 ? 'ivo' : 'ivy',
      name: 'seen',
      data: {},
    });
    await post(ids.map(event));
    const own = ids.filter((_, index) => index % 5 !== 4);
    expect((await walk('ivy', 'limit=71')).map(({ id }) => id)).toEqual(own);
    expect((await walk('ivy', 'limit=190&order=desc')).map(({ id }) => id)).toEqual(own.toReversed());
  });
});

describe('the timeline of a person who went through a campaign', () => {
  let timeline: Item[];

  beforeAll(async () => {
    receiver.on('/crm', respond({ status: 201, body: '{"id":"lead-1"}' }));
    const webhook = {
      type: 'webhook',
      id: 'tell',
      url: receiver.url('/crm'),
      response: { attributes: { lead: '{{ response.id }}' } },
    };
    const steps = [
      webhook,
      { type: 'update', id: 'note', attributes: { told: 'yes' } },
      { type: 'exit', reason: 'all done' },
    ];
    await hookline.publish('welcome', {
      trigger: { type: 'event', event: 'joined', where: { 'event.plan': 'pro' } },
      steps,
    });
    await put('ada', { name: 'Ada' });
    await post({ id: 'no', person: 'ada', name: 'joined', data: { plan: 'free' } });
    await post({
      id: 'yes',
      person: 'ada',
      name: 'joined',
      data: { plan: 'pro' },
      attributes: { plan: 'pro', name: 'Ada' },
    });
    await hookline.ended('ada');
    timeline = (await read('ada')).data;
  });

  it('says in one order what happened, what changed, and why', () => {
    const at = expect.stringMatching(/^\d{4}-.*Z$/);
    const journey = expect.stringMatching(/^jrn_/);
    const delivery = expect.stringMatching(/^dlv_/);
    const event = { at, type: 'event', name: 'joined', timestamp: at, backfill: false };
    const considered = { campaign: 'welcome', version: 1 };
    const refused = { ...considered, outcome: 'whereFalse', reason: expect.any(String), journey: null };
    const entered = { ...considered, outcome: 'entered', reason: 'entered', journey };
    expect(timeline).toEqual([
      { at, type: 'attributes', cause: { type: 'api' }, changes: { name: { from: null, to: 'Ada' } } },
      { ...event, id: 'no', data: { plan: 'free' }, outcomes: [refused] },
      { ...event, id: 'yes', data: { plan: 'pro' }, outcomes: [entered] },
      { at, type: 'attributes', cause: { type: 'event', id: 'yes' }, changes: { plan: { from: null, to: 'pro' } } },
      { at, type: 'journey', what: 'entered', id: journey, ...considered, cause: { type: 'event', id: 'yes' } },
      {
        at,
        type: 'delivery',
        id: delivery,
        ...considered,
        step: 'tell',
        webhook: null,
        journey,
        state: 'sent',
        status: 201,
        error: null,
      },
      { at, type: 'attributes', cause: { type: 'mapping', delivery }, changes: { lead: { from: null, to: 'lead-1' } } },
      {
        at,
        type: 'attributes',
        cause: { type: 'update', journey, step: 'note' },
        changes: { told: { from: null, to: 'yes' } },
      },
      { at, type: 'journey', what: 'ended', id: journey, ...considered, state: 'exited', reason: 'all done' },
    ]);
  });

  it.each(['asc', 'desc'])('is walked by its cursor, %s, in pages of any size', async (order) => {
    const all = order === 'asc' ? timeline : timeline.toReversed();
    expect((await read('ada', `order=${order}`)).data).toEqual(all);
    for (const limit of [1, 2, 4, 8, 9]) expect(await walk('ada', `order=${order}&limit=${limit}`)).toEqual(all);
  });

  it('can be cut by time', async () => {
    const middle = timeline[4]?.at ?? '';
    expect((await read('ada', `createdBefore=${middle}`)).data).toEqual(timeline.filter(({ at }) => at < middle));
    expect((await read('ada', `createdAfter=${middle}`)).data).toEqual(timeline.filter(({ at }) => at >= middle));
  });

  it('keeps its order where everything has the same time', async () => {
    const { db } = hookline.database;
    const same = sql`'2026-05-01T09:00:00Z'::timestamptz`;
    await db.execute(sql`update events set received_at = ${same}`);
    await db.execute(sql`update attribute_changes set at = ${same}`);
    await db.execute(sql`update journeys set created_at = ${same}, ended_at = ${same}`);
    await db.execute(sql`update deliveries set created_at = ${same}`);
    const kinds = [
      'event',
      'event',
      'attributes',
      'attributes',
      'attributes',
      'attributes',
      'journey',
      'delivery',
      'journey',
    ];
    for (const limit of [1, 2, 9]) {
      const walked = await walk('ada', `limit=${limit}`);
      expect(walked.map(({ type }) => type)).toEqual(kinds);
      expect(await walk('ada', `order=desc&limit=${limit}`)).toEqual(walked.toReversed());
    }
  });
});

describe('a journey that began by a change of an attribute', () => {
  it('says by which', async () => {
    const trigger = { type: 'attribute', attribute: 'plan', to: 'gold' };
    await hookline.publish('golden', { trigger, steps: [{ type: 'exit' }] });
    await put('rose', { plan: 'gold' });
    await hookline.ended('rose');
    expect((await read('rose')).data).toMatchObject([
      { type: 'attributes' },
      { type: 'journey', what: 'entered', campaign: 'golden', cause: { type: 'attribute', id: 'plan' } },
      { type: 'journey', what: 'ended' },
    ]);
  });
});

describe('a change of attributes', () => {
  it('is kept with what was there before, removals too', async () => {
    await put('mary', { a: 1, b: { c: [1, 2] } });
    await put('mary', { a: null, b: { c: [2] }, d: false });
    expect((await read('mary')).data.map(({ changes }) => changes)).toEqual([
      { a: { from: null, to: 1 }, b: { from: null, to: { c: [1, 2] } } },
      { a: { from: 1, to: null }, b: { from: { c: [1, 2] }, to: { c: [2] } }, d: { from: null, to: false } },
    ]);
  });

  it('is none where every value is there already', async () => {
    const first = await put('grace', { a: 1, b: { c: 1, d: [0] }, e: 'x' });
    for (const same of [{}, { a: 1 }, { b: { d: [0], c: 1 } }, { b: { c: 1, d: [-0] } }, { gone: null }]) {
      expect(await put('grace', same)).toMatchObject({ status: 200, body: first.body as object });
    }
    await post({ person: 'grace', name: 'seen', attributes: { e: 'x' } });
    expect((await read('grace')).data.map(({ type }) => type)).toEqual(['attributes', 'event']);
  });

  it('is not kept where it was refused', async () => {
    await put('big', { a: 'x'.repeat(60_000) });
    expectProblem(await put('big', { b: 'x'.repeat(10_000) }), 413, 'people.too_large');
    expect((await read('big')).data).toHaveLength(1);
  });

  it('of several events for one person comes in their order', async () => {
    await post([1, 2, 3].map((n) => ({ id: `n${n}`, person: 'nell', name: 'counted', attributes: { n } })));
    const changes = (await read('nell')).data.filter(({ type }) => type === 'attributes');
    expect(changes).toMatchObject([
      { cause: { type: 'event', id: 'n1' }, changes: { n: { from: null, to: 1 } } },
      { cause: { type: 'event', id: 'n2' }, changes: { n: { from: 1, to: 2 } } },
      { cause: { type: 'event', id: 'n3' }, changes: { n: { from: 2, to: 3 } } },
    ]);
  });

  it('starts from the one before it, however many come at once', async () => {
    await Promise.all(
      Array.from({ length: 40 }, (_, n) =>
        n % 2 === 0 ? put('lin', { n }) : post({ person: 'lin', name: 'set', attributes: { n } }),
      ),
    );
    const changes = (await read('lin')).data.flatMap((item) => item.changes?.['n'] ?? []) as {
      from: unknown;
      to: unknown;
    }[];
    expect(changes).toHaveLength(40);
    expect(changes.map(({ from }) => from)).toEqual([null, ...changes.slice(0, -1).map(({ to }) => to)]);
    expect(await hookline.attributes('lin')).toEqual({ n: changes.at(-1)?.to });
  });
});

describe('a timeline that is read while things happen', () => {
  it('neither misses nor repeats anything', async () => {
    await hookline.publish('echo', {
      trigger: { type: 'event', event: 'tick' },
      steps: [{ type: 'update', attributes: { last: '{{ event.n }}' } }],
    });
    await put('eve', { born: true });
    const walked: Item[] = [];
    let cursor = '';
    let isOver = false;
    const walking = (async () => {
      for (let wasOver = false; ; wasOver = isOver) {
        const page = await read('eve', `limit=2${cursor && `&cursor=${cursor}`}`);
        if (page.nextCursor === null && wasOver) return void walked.push(...page.data);
        if (page.nextCursor === null) continue;
        walked.push(...page.data);
        cursor = page.nextCursor;
      }
    })();
    await Promise.all(
      Array.from({ length: 4 }, async (_, writer) => {
        for (let n = 0; n < 8; n += 1) {
          await post({ person: 'eve', name: 'tick', data: { n: writer * 8 + n }, attributes: { [`by${writer}`]: n } });
        }
      }),
    );
    const all = await eventually(async () => {
      const { data } = await read('eve');
      return data.filter(({ what }) => what === 'ended').length === 32 && data;
    }, 60_000);
    isOver = true;
    await walking;
    const keys = (items: Item[]) =>
      items.map(({ at, type, id, what, changes }) => JSON.stringify([at, type, id, what, changes]));
    expect(keys(walked)).toEqual(keys(all));
  }, 90_000);
});

describe('a timeline that cannot be shown', () => {
  it('is that of nobody', async () => {
    expectProblem(await hookline.api('GET', '/v1/people/nobody/timeline'), 404, 'people.not_found');
  });

  it.each([
    ['limit=0', 'query.limit: write a number from 1 to 200'],
    ['type=event', 'query.type: unknown key "type"; use limit, order, cursor, createdAfter or createdBefore'],
  ])('has a wrong query: ?%s', async (query, fault) => {
    const answer = await hookline.api('GET', `/v1/people/ada/timeline?${query}`);
    expect(expectProblem(answer, 422, 'input.invalid').faults).toEqual([fault]);
  });

  it.each(['x', '1.0', '1.0.x', '1.3.17', '1.5.17', '1.0.17.1', '99999999999999.0.1', `1.0.${'9'.repeat(20)}`])(
    'has a wrong cursor: %s',
    async (cursor) => {
      const answer = await hookline.api('GET', `/v1/people/ada/timeline?cursor=${cursor}`);
      const { faults } = expectProblem(answer, 422, 'input.invalid');
      expect(faults).toEqual(['query.cursor: take the nextCursor of the page before, as it is']);
    },
  );
});
