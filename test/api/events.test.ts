import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startHookline, type Hookline } from '../support/hookline.ts';
import { expectProblem, send } from '../support/problem.ts';

let hookline: Hookline;

beforeAll(async () => {
  hookline = await startHookline({ worker: false, relays: 0 });
});

afterAll(() => hookline.stop());

const post = (body: unknown) => hookline.api<{ ids: string[] }>('POST', '/v1/events', body);
const read = (id: string) => hookline.api('GET', `/v1/events/${id}`);

describe('POST /v1/events', () => {
  it('answers 202 with the id that it gave, and GET shows what was stored', async () => {
    const { status, body } = await post({ person: 'ada', name: 'signed_up', data: { plan: 'gold', n: [1, null] } });
    expect(status).toBe(202);
    expect(body).toEqual({ accepted: 1, duplicates: 0, ids: [expect.stringMatching(/^evt_/)], errors: [] });
    const stored = await read(body.ids[0] ?? '');
    expect(stored.body).toEqual({
      id: body.ids[0],
      person: 'ada',
      name: 'signed_up',
      data: { plan: 'gold', n: [1, null] },
      timestamp: expect.stringMatching(/^\d{4}-.*Z$/),
      receivedAt: expect.stringMatching(/^\d{4}-.*Z$/),
      outcomes: [],
      hint: 'No campaign starts on "signed_up".',
    });
  });

  it('stores the valid ones of a list, with null for the others and all their faults', async () => {
    const { status, body } = await post([
      { id: 'list-1', person: 'ada', name: 'x' },
      { person: '', dta: {} },
      'text',
      { id: 'list-2', person: 'ada', name: 'x' },
      { person: 'ada', name: 'x', timestamp: 'yesterday', backfill: 'yes' },
    ]);
    expect(status).toBe(202);
    const code = 'input.invalid';
    expect(body).toEqual({
      accepted: 2,
      duplicates: 0,
      ids: ['list-1', null, null, 'list-2', null],
      errors: [
        { index: 1, code, path: 'person', message: 'write an id of 1 to 255 characters' },
        { index: 1, code, path: 'name', message: 'is missing; write a string' },
        { index: 1, code, path: 'dta', message: 'unknown key "dta"; did you mean "data"?' },
        { index: 2, code, path: '', message: 'must be an object, not a string' },
        { index: 4, code, path: 'timestamp', message: expect.stringContaining('RFC 3339') },
        { index: 4, code, path: 'backfill', message: 'must be true or false, not a string' },
      ],
    });
  });

  it('takes an anonymousId for the id of a person', async () => {
    const { body } = await post({ anonymousId: 'anon-7', name: 'visited' });
    const event = await hookline.api('GET', `/v1/events/${(body as { ids: string[] }).ids[0]}`);
    expect(event).toMatchObject({ status: 200, body: { person: 'anon-7', name: 'visited' } });
  });

  it('refuses only the item of a list that cannot be stored', async () => {
    const answer = await send(`${hookline.url}/v1/events`, {
      body: String.raw`[{"id":"nul-1","person":"nul","name":"a"},
        {"person":"nul","name":"b\u0000","data":{"n":9007199254740993}},
        {"person":"nul","name":"c","data":{"__proto__":1}},
        {"id":"nul-2","person":"nul","name":"d"}]`,
    });
    expect(answer).toMatchObject({
      status: 202,
      body: {
        accepted: 2,
        ids: ['nul-1', null, null, 'nul-2'],
        errors: [
          { index: 1, path: 'name' },
          { index: 1, path: 'data.n' },
          { index: 2, path: 'data.__proto__' },
        ],
      },
    });
  });

  it('refuses a list without a valid event, with the place of each fault', async () => {
    const { faults, detail } = expectProblem(await post([{ name: 'x' }, 5]), 422, 'input.invalid');
    expect(faults).toEqual([
      '[0].person: is missing; write an id, or anonymousId in its place',
      '[1]: must be an object, not a number',
    ]);
    expect(detail).toBe(
      'None of the events is valid, first [0].person: is missing; write an id, or anonymousId in its place',
    );
  });

  it.each([
    [{ person: 'p', name: 'x', dta: {} }, ['dta: unknown key "dta"; did you mean "data"?']],
    [{ person: 'p', name: '' }, ['name: must not be empty']],
    [{ person: 'p', name: 'x', data: [] }, ['data: must be an object, not a list']],
    [{}, ['name: is missing; write a string', 'person: is missing; write an id, or anonymousId in its place']],
    [{ person: 'p', anonymousId: 'a', name: 'x' }, ['person: is there, and anonymousId too; send one of them']],
    [[], [expect.stringMatching(/^: /)]],
    ['a: 1', null],
    [5, [': send one event { person, name, data? }, or a list of 1 to 1000 of them']],
    [null, [': send one event { person, name, data? }, or a list of 1 to 1000 of them']],
    [undefined, [': send one event { person, name, data? }, or a list of 1 to 1000 of them']],
  ])('refuses %j', async (body, expected) => {
    if (expected === null) return void expectProblem(await post(body), 415, 'body.unsupported_type');
    expect(expectProblem(await post(body), 422, 'input.invalid').faults).toEqual(expected);
  });

  it('takes 1,000 items, and not one more', async () => {
    const list = (length: number) => Array.from({ length }, (_, index) => ({ person: `many-${index % 7}`, name: 'x' }));
    const { status, body } = await post(list(1_000));
    expect(status).toBe(202);
    expect(body).toMatchObject({ accepted: 1_000, duplicates: 0, errors: [] });
    expect(new Set(body.ids).size).toBe(1_000);
    const { detail } = expectProblem(await post(list(1_001)), 413, 'body.too_large');
    expect(detail).toContain('1001');
    expect(detail).toContain('1000');
  });

  it('takes 32 KiB of data, and not one byte more', async () => {
    const large = (bytes: number) => ({ person: 'large', name: 'x', data: { a: 'é'.repeat((bytes - 8) / 2) } });
    expect((await post(large(32_768))).status).toBe(202);
    expectProblem(await post(large(32_770)), 413, 'events.too_large');
    const { status, body } = await post([large(32_770), { id: 'small', person: 'large', name: 'x' }]);
    expect(status).toBe(202);
    expect(body).toMatchObject({
      accepted: 1,
      ids: [null, 'small'],
      errors: [{ index: 0, code: 'events.too_large', path: 'data' }],
    });
  });

  it('merges attributes into the person, whom it creates where nobody has the id', async () => {
    await post({ person: 'new', name: 'x' });
    expect(await hookline.attributes('new')).toEqual({});
    await post([
      { person: 'new', name: 'x', attributes: { a: 1, b: 1 } },
      { person: 'new', name: 'x', attributes: { b: 2, c: 1 } },
      { person: 'new', name: 'x', attributes: { c: null } },
    ]);
    expect(await hookline.attributes('new')).toEqual({ a: 1, b: 2 });
  });

  it('refuses only the events whose attributes would be too many', async () => {
    const attributes = { a: 'x'.repeat(40_000) };
    const list = [
      { id: 'full-1', person: 'full', name: 'x', attributes },
      { id: 'full-2', person: 'full', name: 'x', attributes: { b: 'x'.repeat(40_000) } },
      { id: 'full-3', person: 'full', name: 'x', attributes: { c: 1 } },
      { id: 'full-3', person: 'full', name: 'x', attributes: { c: 2 } },
    ];
    const { status, body } = await post(list);
    expect(status).toBe(202);
    expect(body).toMatchObject({
      accepted: 2,
      duplicates: 1,
      ids: ['full-1', null, 'full-3', 'full-3'],
      errors: [{ index: 1, code: 'people.too_large', path: 'attributes' }],
    });
    expect(await hookline.attributes('full')).toEqual({ ...attributes, c: 1 });
    expectProblem(await read('full-2'), 404, 'events.not_found');
    expectProblem(await post(list[1]), 413, 'people.too_large');
    expectProblem(await post([list[1], {}]), 422, 'input.invalid');
  });
});

describe("an event's timestamp", () => {
  it.each([
    ['2026-05-01T09:00:00Z', '2026-05-01T09:00:00.000Z'],
    ['2026-05-01T09:00:00.123456+02:00', '2026-05-01T07:00:00.123Z'],
    ['2026-05-01T09:00:00+23:59', '2026-04-30T09:01:00.000Z'],
    ['1000-01-01T00:00:00Z', '1000-01-01T00:00:00.000Z'],
    ['9999-12-31T23:59:59.999999Z', '9999-12-31T23:59:59.999Z'],
  ])('%s is kept as %s', async (timestamp, kept) => {
    const { body } = await post({ person: 'timed', name: 'x', timestamp });
    expect((await read(body.ids[0] ?? '')).body).toMatchObject({ timestamp: kept });
  });

  it.each([
    '2026-05-01',
    '2026-05-01T09:00:00',
    '2026-02-30T00:00:00Z',
    '2026-05-01T24:00:00Z',
    '0000-01-01T00:00:00Z',
    '1000-01-01T00:00:00+01:00',
    '0099-01-01T00:00:00Z',
    '9999-12-31T23:59:59-01:00',
    'infinity',
    1_777_626_000,
  ])('%s is refused', async (timestamp) => {
    const { faults } = expectProblem(await post({ person: 'timed', name: 'x', timestamp }), 422, 'input.invalid');
    expect(faults).toEqual(['timestamp: write a time such as 2026-05-01T09:00:00Z (RFC 3339, with an offset)']);
  });
});
