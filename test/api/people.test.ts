import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startHookline, type Hookline } from '../support/hookline.ts';
import { expectProblem } from '../support/problem.ts';

let hookline: Hookline;

beforeAll(async () => {
  hookline = await startHookline({ worker: false, relays: 0 });
});

afterAll(() => hookline.stop());

const put = (id: string, body: unknown) => hookline.api<{ attributes: object }>('PUT', `/v1/people/${id}`, body);

/** Attributes of exactly that many bytes as JSON: `{"a":"…"}`. */
const ofSize = (bytes: number) => ({ a: 'x'.repeat(bytes - 8) });

describe('PUT /v1/people/:id', () => {
  it('creates a person and answers it', async () => {
    const answer = await put('ada', { attributes: { plan: 'gold', tags: ['a', { b: null }], age: 36.5, vip: true } });
    expect(answer.status).toBe(200);
    expect(answer.body).toEqual({
      id: 'ada',
      key: expect.stringMatching(/^per_/),
      attributes: { plan: 'gold', tags: ['a', { b: null }], age: 36.5, vip: true },
      suppressed: false,
      createdAt: expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/),
      updatedAt: expect.any(String),
    });
    expect((await hookline.api('GET', '/v1/people/ada')).body).toEqual(answer.body);
  });

  it('merges into what is there; null removes, and values are replaced as a whole', async () => {
    await put('grace', { attributes: { a: 1, b: { c: 1, d: 2 }, e: 3 } });
    const { body } = await put('grace', { attributes: { b: { c: 2 }, e: null, unknown: null, f: '' } });
    expect(body.attributes).toEqual({ a: 1, b: { c: 2 }, f: '' });
  });

  it('keeps no attribute that is null from the start', async () => {
    expect((await put('nell', { attributes: { a: null, b: 1 } })).body.attributes).toEqual({ b: 1 });
  });

  it('takes an object without attributes, and changes nothing then', async () => {
    await put('lin', { attributes: { a: 1 } });
    expect((await put('lin', {})).body.attributes).toEqual({ a: 1 });
  });

  it('counts changes that come at the same time, on a new person too', async () => {
    const names = Array.from({ length: 20 }, (_, index) => `a${index}`);
    const answers = await Promise.all(names.map((name) => put('parallel', { attributes: { [name]: name } })));
    expect(answers.map(({ status }) => status)).toEqual(names.map(() => 200));
    expect(await hookline.attributes('parallel')).toEqual(Object.fromEntries(names.map((name) => [name, name])));
  });

  it('keeps 64 KiB of attributes and refuses more, with nothing changed', async () => {
    expect((await put('big', { attributes: ofSize(65_536) })).status).toBe(200);
    const { detail } = expectProblem(await put('big', { attributes: { b: 1 } }), 413, 'people.too_large');
    expect(detail).toBe(
      'The attributes of person "big" would take 65542 bytes; at most 65536 are kept. Remove or shorten some.',
    );
    expect(await hookline.attributes('big')).toEqual(ofSize(65_536));

    expectProblem(await put('bigger', { attributes: ofSize(65_537) }), 413, 'people.too_large');
    expectProblem(await hookline.api('GET', '/v1/people/bigger'), 404, 'people.not_found');
  });

  it('may replace a large attribute by another of the same size', async () => {
    await put('swap', { attributes: { a: 'x'.repeat(60_000) } });
    expect((await put('swap', { attributes: { a: null, b: 'y'.repeat(60_000) } })).status).toBe(200);
  });

  it.each([
    [{ attributes: {}, name: 'x' }, ['name: unknown key "name"; use attributes']],
    [{ atributes: {}, x: 1 }, ['atributes: unknown key "atributes"; did you mean "attributes"?', expect.any(String)]],
    [{ attributes: [] }, ['attributes: must be an object, not a list']],
    [{ attributes: { '': 1 } }, [expect.stringMatching(/^attributes\[''\]: /)]],
    [[], [': must be an object, not a list']],
    [undefined, [': is missing; write an object']],
    [{ attributes: { a: 2 ** 53 } }, [expect.stringMatching(/^attributes\.a: /)]],
    [{ attributes: { a: [1, { b: -(2 ** 60) }] } }, [expect.stringMatching(/^attributes\.a\[1\]\.b: /)]],
  ])('refuses %j', async (body, faults) => {
    expect(expectProblem(await put('nobody', body), 422, 'input.invalid').faults).toEqual(faults);
    expectProblem(await hookline.api('GET', '/v1/people/nobody'), 404, 'people.not_found');
  });
});

describe('GET /v1/people/:id', () => {
  it('says which id nobody has, and where people come from', async () => {
    const { detail } = expectProblem(await hookline.api('GET', '/v1/people/nobody'), 404, 'people.not_found');
    expect(detail).toBe('No person has the id "nobody". Events and PUT /v1/people/:id create people.');
  });

  it('takes no query', async () => {
    const { faults } = expectProblem(await hookline.api('GET', '/v1/people/ada?full=1'), 422, 'input.invalid');
    expect(faults).toEqual([expect.stringMatching(/^query\.full: unknown key "full"/)]);
  });
});
