import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startHookline, type Hookline } from '../support/hookline.ts';
import { expectProblem, send } from '../support/problem.ts';

let hookline: Hookline;

beforeAll(async () => {
  hookline = await startHookline({ worker: false, relays: 0 });
});

afterAll(() => hookline.stop());

describe("a client's id", () => {
  it.each([
    ['with slashes and per cent signs', 'a/b%2Fc%%/../d?e=f#g'],
    ['with spaces, quotes and a backslash', ` "it's" \\ `],
    ['of combining and right-to-left text', 'e\u0301\u202eאב\u200d'],
    ['that names a part of every object', '__proto__'],
    ['of 255 letters', 'x'.repeat(255)],
    ['of 255 characters beyond the first plane', '𝒳'.repeat(255)],
    ['of 255 per cent signs', '%'.repeat(255)],
  ])('%s names a person and an event', async (_, id) => {
    const path = encodeURIComponent(id);
    const person = await hookline.api('PUT', `/v1/people/${path}`, { attributes: { a: 1 } });
    expect(person).toMatchObject({ status: 200, body: { id } });
    expect((await hookline.api('GET', `/v1/people/${path}`)).body).toEqual(person.body);

    const stored = await hookline.api('POST', '/v1/events', { id, person: id, name: 'x' });
    expect(stored).toMatchObject({ status: 202, body: { accepted: 1, ids: [id] } });
    expect(await hookline.api('GET', `/v1/events/${path}`)).toMatchObject({ status: 200, body: { id, person: id } });
    expect(await hookline.api('GET', `/v1/journeys?person=${path}`)).toMatchObject({ status: 200, body: { data: [] } });
  });

  it('may differ from another by case or form alone', async () => {
    for (const id of ['é', 'e\u0301', 'É']) await hookline.api('PUT', `/v1/people/${id}`, { attributes: { id } });
    expect(await hookline.attributes('é')).toEqual({ id: 'é' });
    expect(await hookline.attributes('e\u0301')).toEqual({ id: 'e\u0301' });
  });

  it.each([
    ['x'.repeat(256), 'write an id of 1 to 255 characters'],
    ['𝒳'.repeat(256), 'write an id of 1 to 255 characters'],
  ])('of 256 characters is refused', async (id, message) => {
    const path = encodeURIComponent(id);
    const answers = [
      ['path.id', await hookline.api('GET', `/v1/people/${path}`)],
      ['query.person', await hookline.api('GET', `/v1/journeys?person=${path}`)],
      ['person', await hookline.api('POST', '/v1/events', { person: id, name: 'x' })],
    ] as const;
    for (const [place, answer] of answers) {
      expect(expectProblem(answer, 422, 'input.invalid').faults).toEqual([`${place}: ${message}`]);
    }
  });

  it('that is empty or no text is refused', async () => {
    for (const person of ['', 5, null]) {
      const answer = await hookline.api('POST', '/v1/events', { person, name: 'x' });
      expect(expectProblem(answer, 422, 'input.invalid').faults).toEqual([
        'person: write an id of 1 to 255 characters',
      ]);
    }
  });
});

describe('a path', () => {
  it.each(['/v1/people/%', '/v1/people/%E0%A4%A', '/v1/events/%zz', '/v1/people/%ED%A0%80', '/v1/campaigns/%ff'])(
    'with broken per-cent encoding (%s) is a 400',
    async (path) => {
      expectProblem(await send(hookline.url + path, { method: 'GET' }), 400, 'body.malformed');
    },
  );

  it.each([
    ['GET', '/v1/people/a%00b', 'path.id'],
    ['PUT', '/v1/people/%00', 'path.id'],
    ['GET', '/v1/journeys?person=%00', 'query.person'],
    ['GET', '/v1/journeys?cursor=jrn%00', 'query.cursor'],
    ['GET', '/v1/deliveries/%00', 'path.id'],
    ['PUT', '/v1/campaigns/%00', 'path.id'],
  ])('%s %s, with NUL, is refused with its place', async (method, path, place) => {
    const body = method === 'PUT' ? { attributes: {} } : undefined;
    const { faults } = expectProblem(await hookline.api(method, path, body), 422, 'input.invalid');
    expect(faults).toEqual([`${place}: NUL and half surrogate pairs cannot be stored; remove them`]);
  });
});
