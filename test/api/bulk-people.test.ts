import { eq, sql } from 'drizzle-orm';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { attributeChanges, inbox, people } from '../../db/schema/people.ts';
import { startHookline, type Hookline } from '../support/hookline.ts';
import { expectProblem, send } from '../support/problem.ts';
import { walkWhile, type List } from '../support/walk.ts';

let hookline: Hookline;

beforeAll(async () => {
  hookline = await startHookline({ worker: false, relays: 0 });
});
afterAll(() => hookline.stop());

const post = (list: unknown, query = '') => hookline.api('POST', `/v1/people${query}`, list);
const postLines = (lines: (string | object)[], path = '/v1/people') =>
  send(hookline.url + path, {
    body: lines.map((line) => (typeof line === 'string' ? line : JSON.stringify(line))).join('\n'),
    headers: { 'content-type': 'application/x-ndjson' },
  });
const ids = async (query: string) =>
  (await hookline.api<{ data: { id: string }[] }>('GET', `/v1/people?${query}`)).body.data.map(({ id }) => id);
const range = (count: number) => Array.from({ length: count }, (_, index) => index);
/** Attributes of exactly that many bytes as JSON: `{"a":"…"}`. */
const ofSize = (bytes: number) => ({ a: 'x'.repeat(bytes - 8) });

describe('POST /v1/people', () => {
  it('creates and merges people, several items of one in their order', async () => {
    const list = [
      { id: 'ada', attributes: { plan: 'free', n: 1, gone: 1 } },
      { id: 'eve', attributes: {} },
      { id: 'ada', attributes: { plan: 'gold', gone: null } },
      { id: 'kim' },
    ];
    expect(await post(list)).toMatchObject({ status: 200, body: { accepted: 4, errors: [] } });
    expect(await hookline.attributes('ada')).toEqual({ plan: 'gold', n: 1 });
    expect(await hookline.attributes('eve')).toEqual({});
    expect(await hookline.attributes('kim')).toEqual({});
    const { db } = hookline.database;
    const [ada] = await db.select().from(people).where(eq(people.id, 'ada'));
    const changes = await db
      .select({ number: attributeChanges.number, changes: attributeChanges.changes, cause: attributeChanges.cause })
      .from(attributeChanges)
      .where(eq(attributeChanges.personKey, ada?.key ?? ''))
      .orderBy(attributeChanges.number);
    expect(changes).toEqual([
      {
        number: 1,
        cause: { type: 'api' },
        changes: { plan: { from: null, to: 'free' }, n: { from: null, to: 1 }, gone: { from: null, to: 1 } },
      },
      {
        number: 2,
        cause: { type: 'api' },
        changes: { plan: { from: 'free', to: 'gold' }, gone: { from: 1, to: null } },
      },
    ]);
    expect(ada?.lastNumber).toBe(2);
  });

  it('stores the valid ones, and makes nobody of whom nothing is valid', async () => {
    await post([{ id: 'full', attributes: ofSize(65_536) }]);
    const answer = await post([
      { id: 'lin', attributes: { a: 1 } },
      { id: '', attributes: {} },
      { id: 'nobody', attributes: ofSize(65_537) },
      { id: 'full', attributes: { b: 1 } },
      { id: 'lin', attributes: { ...ofSize(65_536), a2: 1 } },
      'text',
    ]);
    expect(answer).toMatchObject({
      status: 200,
      body: {
        accepted: 1,
        errors: [
          { index: 1, code: 'input.invalid', path: 'id' },
          { index: 2, code: 'people.too_large', path: 'attributes' },
          { index: 3, code: 'people.too_large', path: 'attributes' },
          { index: 4, code: 'people.too_large', path: 'attributes' },
          { index: 5, code: 'input.invalid', path: '' },
        ],
      },
    });
    expect(await hookline.attributes('lin')).toEqual({ a: 1 });
    expectProblem(await hookline.api('GET', '/v1/people/nobody'), 404, 'people.not_found');
  });

  it('refuses a list without a valid item, an empty one, and what is no list', async () => {
    const { faults } = expectProblem(await post([{ attributes: {} }, 5]), 422, 'input.invalid');
    expect(faults).toEqual(['[0].id: write an id of 1 to 255 characters', '[1]: must be an object, not a number']);
    expectProblem(await post([]), 422, 'input.invalid');
    expectProblem(await post({ id: 'ada' }), 422, 'input.invalid');
    expectProblem(await post(range(1_001).map((n) => ({ id: `p${n}` }))), 413, 'body.too_large');
  });

  it('leaves what campaigns look at for the relay, and as backfill what none is to start on', async () => {
    const trigger = { type: 'attribute', attribute: 'tier' };
    await hookline.publish('tiers', { trigger, steps: [{ type: 'exit' }] });
    await post([
      { id: 'watched', attributes: { tier: 1 } },
      { id: 'unwatched', attributes: { other: 1 } },
    ]);
    await post([{ id: 'past', attributes: { tier: 1 } }], '?backfill=true');
    await hookline.api('PUT', '/v1/people/past-too?backfill=true', { attributes: { tier: 1 } });
    const left = await hookline.database.db
      .select({ id: people.id, backfill: attributeChanges.backfill })
      .from(inbox)
      .innerJoin(people, eq(people.key, inbox.personKey))
      .innerJoin(
        attributeChanges,
        sql`${attributeChanges.personKey} = ${inbox.personKey} and ${attributeChanges.number} = ${inbox.number}`,
      )
      .orderBy(people.id);
    expect(left).toEqual([
      { id: 'past', backfill: true },
      { id: 'past-too', backfill: true },
      { id: 'watched', backfill: false },
    ]);
  });

  it('takes lists that cross, again and again, with nothing lost', async () => {
    const crowd = range(60).map((n) => `crowd-${(n * 37) % 60}`);
    const lists = range(16).map((list) =>
      (list % 2 ? crowd.toReversed() : crowd).map((id) => ({ id, attributes: { [`a${list}`]: list } })),
    );
    const events = crowd.map((person) => ({ person, name: 'crossed', attributes: { crossed: true } }));
    const answers = await Promise.all([
      ...lists.map((list) => post(list)),
      ...range(4).map(() => hookline.api('POST', '/v1/events', events.toReversed())),
    ]);
    expect(answers.map(({ status }) => status)).toEqual([...range(16).map(() => 200), ...range(4).map(() => 202)]);
    const all = { crossed: true, ...Object.fromEntries(range(16).map((list) => [`a${list}`, list])) };
    for (const id of crowd.slice(0, 5)) expect(await hookline.attributes(id)).toEqual(all);
    const rows = await hookline.database.db.execute<{
      id: string;
      last: number;
      numbers: number;
      greatest: number;
    }>(sql`
      select id, last_number::int as last, count(*)::int as numbers, max(number)::int as greatest
      from people join (
        select person_key, number from events union all select person_key, number from attribute_changes) as item on person_key = key
      where id like 'crowd-%' group by key`);
    expect(rows.every(({ last, numbers, greatest }) => last === greatest && last === numbers)).toBe(true);
    expect(rows).toHaveLength(60);
  });
});

describe('newline-delimited JSON', () => {
  it('has its faults line by line, and they hinder no other', async () => {
    const answer = await postLines([
      { id: 'line-0', attributes: { a: 1 } },
      '{"id": "broken", }',
      '',
      `{"id":"deep","attributes":{"a":${'['.repeat(70)}${']'.repeat(70)}}}`,
      '{"id":"nul","attributes":{"a":"\\u0000"}}',
      '{"id":"line-5"}\r',
      '\n \n',
    ]);
    expect(answer).toMatchObject({
      status: 200,
      body: {
        accepted: 2,
        errors: [
          {
            index: 1,
            code: 'body.malformed',
            path: '',
            message: 'The line is not valid JSON: column 18: expected a key in quotes.',
          },
          { index: 2, code: 'body.malformed', path: '' },
          { index: 3, code: 'input.invalid', path: '' },
          { index: 4, code: 'input.invalid', path: 'attributes.a' },
        ],
      },
    });
    expect(await hookline.attributes('line-0')).toEqual({ a: 1 });
    expect(await hookline.attributes('line-5')).toEqual({});
  });

  it('may have one line that is not UTF-8', async () => {
    const parts = [Buffer.from('{"id":"é"}\n'), Buffer.from([0x22, 0xff, 0x22, 0x0a]), Buffer.from('{"id":"ü"}\n')];
    const answer = await send(`${hookline.url}/v1/people`, {
      body: new Uint8Array(Buffer.concat(parts)),
      headers: { 'content-type': 'application/x-ndjson; charset=utf-8' },
    });
    expect(answer.body).toMatchObject({ accepted: 2, errors: [{ index: 1, code: 'body.malformed' }] });
  });

  it('takes 10,000 lines, and not one more', async () => {
    const lines = (count: number) => range(count).map((n) => ({ id: `many-${n}`, attributes: { n, half: n % 2 } }));
    expect((await postLines(lines(10_000))).body).toEqual({ accepted: 10_000, errors: [] });
    expect(await hookline.attributes('many-9999')).toEqual({ n: 9_999, half: 1 });
    const { detail } = expectProblem(await postLines(lines(10_001)), 413, 'body.too_large');
    expect(detail).toContain('10001');
  }, 30_000);

  it('takes events too, with their attributes', async () => {
    const events = range(10_000).map((n) => ({
      id: `line-${n}`,
      person: `doer-${n % 3_000}`,
      name: 'done',
      attributes: { n },
    }));
    const answer = await postLines([...events.slice(0, 9_999), 'x'], '/v1/events');
    expect(answer).toMatchObject({ status: 202, body: { accepted: 9_999, duplicates: 0, errors: [{ index: 9_999 }] } });
    expect(await hookline.attributes('doer-2')).toEqual({ n: 9_002 });
    expectProblem(await postLines([...events, events[0] ?? {}], '/v1/events'), 413, 'body.too_large');
  }, 30_000);

  it('may have 32 MiB, a list in JSON 8', async () => {
    const big = (bytes: number) => `{"id":"big"}${' '.repeat(bytes - 12)}`;
    expect((await postLines([big(32 * 2 ** 20)])).status).toBe(200);
    expectProblem(await postLines([big(32 * 2 ** 20 + 1)]), 413, 'body.too_large');
    const list = (bytes: number) => `[{"id":"big"}]${' '.repeat(bytes - 14)}`;
    expect((await send(`${hookline.url}/v1/people`, { body: list(8 * 2 ** 20) })).status).toBe(200);
    expectProblem(await send(`${hookline.url}/v1/people`, { body: list(8 * 2 ** 20 + 1) }), 413, 'body.too_large');
  });

  it('is for lists only', async () => {
    const answer = await send(`${hookline.url}/v1/people/ada`, {
      method: 'PUT',
      body: '{}',
      headers: { 'content-type': 'application/x-ndjson' },
    });
    expectProblem(answer, 415, 'body.unsupported_type');
  });
});

describe('GET /v1/people', () => {
  it('lists people oldest first, a page at a time', async () => {
    const made = ['list-c', 'list-a', 'list-b'];
    for (const id of made) await hookline.api('PUT', `/v1/people/${id}`, { attributes: { group: 'list' } });
    expect(await ids('attribute=group&value=list')).toEqual(made);
    expect(await ids('attribute=group&value=list&order=desc&limit=2')).toEqual(['list-b', 'list-a']);
    const first = await hookline.api<{ nextCursor: string }>('GET', '/v1/people?attribute=group&value=list&limit=2');
    expect(first.body.nextCursor).toMatch(/^per_/);
    expect(await ids(`attribute=group&value=list&cursor=${first.body.nextCursor}`)).toEqual(['list-b']);
    expect((await ids('limit=5')).length).toBe(5);
  });

  it('has each once who was there, and new ones only behind them, while people come and change', async () => {
    await post(range(9).map((n) => ({ id: `walk-${n}`, attributes: { group: 'walk' } })));
    const query = 'attribute=group&value=walk';
    const before = await ids(query);
    let made = 0;
    const make = async () => {
      made += 1;
      const attributes = { group: 'walk', made };
      // Those behind the page and those before it.
      await post(['walk-0', 'walk-8', `came-${made}`, `again-${made}`].map((id) => ({ id, attributes })));
    };
    const walk = (order: string) =>
      walkWhile(async (cursor) => {
        const path = `/v1/people?${query}&order=${order}&limit=2${cursor}`;
        return (await hookline.api<List>('GET', path)).body;
      }, make);
    expect(await walk('desc')).toEqual(before.toReversed());
    expect(await walk('asc')).toEqual(await ids(query));
    expect(await ids(query)).toEqual([...before, ...range(6).flatMap((n) => [`came-${n + 1}`, `again-${n + 1}`])]);
  });

  it('finds a value as text, and as a number or a boolean', async () => {
    await post([
      { id: 'v-text', attributes: { v: '36' } },
      { id: 'v-number', attributes: { v: 36 } },
      { id: 'v-true', attributes: { v: true } },
      { id: 'v-list', attributes: { v: [36] } },
      { id: 'v-empty', attributes: { v: '' } },
    ]);
    expect(await ids('attribute=v&value=36')).toEqual(['v-text', 'v-number']);
    expect(await ids('attribute=v&value=36.0')).toEqual(['v-number']);
    expect(await ids('attribute=v&value=true')).toEqual(['v-true']);
    expect(await ids('attribute=v&value=')).toEqual(['v-empty']);
    expect(await ids('attribute=v&value=[36]')).toEqual([]);
    expect(await ids('attribute=v&value=null')).toEqual([]);
  });

  it('takes attribute and value together, or neither', async () => {
    const only = (query: string) => hookline.api('GET', `/v1/people?${query}`);
    expect(expectProblem(await only('attribute=v'), 422, 'input.invalid').faults).toEqual([
      'query.value: send attribute and value together, or neither',
    ]);
    expect(expectProblem(await only('value=v'), 422, 'input.invalid').faults).toEqual([
      'query.attribute: send attribute and value together, or neither',
    ]);
  });
});
