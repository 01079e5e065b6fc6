import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Route } from '../../api/route.ts';
import { problemSchema } from '../../api/problem-schema.ts';
import { ADMIN_KEY, startHookline, type Answer, type Hookline } from '../support/hookline.ts';
import { send } from '../support/problem.ts';

let hookline: Hookline;
let routes: Route[];

beforeAll(async () => {
  hookline = await startHookline({ worker: false, relays: 0 });
  ({ routes } = hookline);
});
afterAll(() => hookline.stop());

const IDS = [
  '𝒳'.repeat(255),
  'x'.repeat(256),
  '..',
  '%',
  '%00',
  '../../etc/passwd',
  "'; drop table people; --",
  '__proto__',
  'constructor',
  'a\nb',
  'a\u0000b',
  '\u202e\u200d',
  'key_00000000-0000-7000-8000-000000000000',
  ' ',
];

const QUERIES = [
  'dryRun=',
  'dryRun=__proto__',
  'backfill=%00',
  'backfill=true&backfill=true',
  'clientKey=%F0%9F%98%80',
  'action=track&userId=%00&event=x&params=[[[',
  'unknown=1',
  '__proto__=1',
  'limit=0',
  'limit=201',
  'limit=1e2',
  'limit=-1',
  'limit=5&limit=6',
  'limit=',
  'order=DESC',
  'cursor=x',
  'cursor=%00',
  `cursor=${'9'.repeat(300)}`,
  'createdAfter=yesterday',
  'createdAfter=0000-01-01T00:00:00Z',
  'createdAfter=9999-12-31T23:59:59Z&createdBefore=1000-01-01T00:00:00Z',
  'createdAfter=%2B275760-09-13T00:00:00Z',
  'createdAfter=2026-02-30T00:00:00Z',
  'person=%ED%A0%80',
  'version=99999999999999999999',
  'version=-1',
  'state=constructor',
  'host=%20',
  'include=__proto__',
  'a[b]=1',
];

/** JSON as it is written: `1e400` is a number that no JSON.stringify makes. */
const VALUES = [
  'null',
  'true',
  '0',
  '-1',
  '9007199254740993',
  '1e400',
  '-0',
  '""',
  '"\\u0000"',
  '"\\ud800"',
  '"9999-12-31T23:59:59+23:59"',
  '"-271821-04-20T00:00:00Z"',
  '"{{"',
  JSON.stringify('x'.repeat(9_000)),
  '[]',
  '{}',
  '[null]',
  '{"__proto__":{"a":1}}',
  '{"constructor":{"prototype":{"a":1}}}',
  '{"toString":1}',
  '['.repeat(70) + ']'.repeat(70),
];

const BODIES = [...VALUES, '', ' ', '{', '\ufeff{}', '{"a":1,"a":2}', '['.repeat(200_000)];

/** Of a test nothing is sent here, as there is no such webhook: it would wait for a worker, of which there is none. */
const MORE_EXAMPLES: Record<string, unknown[]> = {
  '/v1/webhooks/test': [
    {
      ...{ webhookId: 'none', customer: { name: 'Ada' }, event: { name: 'x', data: { a: 1 } }, trigger: { a: 1 } },
      to: 'https://api.example.com/',
    },
  ],
};

/** The texts of a body, each part in turn replaced by a value, or left out. */
function variants(example: unknown, value: string): string[] {
  const places: string[] = [];
  const mark = '\u0001mark\u0001';
  const visit = (part: unknown, rebuild: (inner: unknown) => unknown): void => {
    places.push(JSON.stringify(rebuild(mark)).replace(JSON.stringify(mark), () => value));
    if (Array.isArray(part))
      return part.forEach((inner, index) => visit(inner, (next) => rebuild(part.with(index, next))));
    if (typeof part !== 'object' || part === null) return;
    for (const [key, inner] of Object.entries(part)) visit(inner, (next) => rebuild({ ...part, [key]: next }));
  };
  visit(example, (next) => next);
  return places;
}

const pathOf = ({ path }: Route, id = 'none') => path.replaceAll(/:\w+/g, encodeURIComponent(id));

/** Eight are asked at a time, beside other tests: none takes longer than a client waits. */
const SLOW_MS = 5_000;

/** Whatever is sent, the answer is one that is described, and soon: no fault of ours, and no trace of our code. */
async function expectAnswered(route: Route, target: string, body?: string): Promise<void> {
  const method = route.method.toUpperCase();
  const askedAt = performance.now();
  const response = await fetch(hookline.url + target, {
    method,
    headers: { authorization: `Bearer ${ADMIN_KEY}`, 'content-type': 'application/json' },
    ...(body !== undefined && method !== 'GET' && { body }),
  });
  const text = await response.text();
  const asked = `${method} ${target.slice(0, 200)} ${body?.slice(0, 200)}`;
  expect(performance.now() - askedAt, asked).toBeLessThan(SLOW_MS);
  if (response.status < 400) return;
  expect(response.status, `${asked}: ${text}`).toBeLessThan(500);
  expect((route.dialect?.failure ?? problemSchema).safeParse(JSON.parse(text)).error, asked).toBeUndefined();
  expect(text, asked).not.toMatch(/node_modules|\.ts:\d|\.js:\d|\\n +at |insert into/);
}

/** Some at a time. */
async function all<T>(items: T[], ask: (item: T) => Promise<void>): Promise<void> {
  const left = items.values();
  const work = async () => {
    for (const item of left) await ask(item);
  };
  await Promise.all(Array.from({ length: 8 }, work));
}

describe('no request brings a fault of ours about', { timeout: 180_000 }, () => {
  it('by the ids in its path', async () => {
    const named = routes.filter(({ path }) => path.includes(':'));
    const asked = named.flatMap((route) => IDS.map((id) => ({ route, id })));
    await all(asked, ({ route, id }) => expectAnswered(route, pathOf(route, id), '{}'));
  });

  it('by its query', async () => {
    const documented = routes.filter(({ path }) => !path.startsWith('/docs'));
    const asked = documented.flatMap((route) => QUERIES.map((query) => ({ route, query })));
    await all(asked, ({ route, query }) => expectAnswered(route, `${pathOf(route)}?${query}`, '{}'));
  });

  it('by a parameter that nobody knows, which is refused everywhere', async () => {
    await all(routes, async (route) => {
      const method = route.method.toUpperCase();
      const answer: Answer<unknown> = await send(`${hookline.url}${pathOf(route)}?unknown=1`, {
        method,
        ...(method !== 'GET' && { body: '{}' }),
      });
      expect({ path: route.path, status: answer.status }).toEqual({
        path: route.path,
        status: route.dialect ? 400 : 422,
      });
    });
  });

  it('by its body as a whole', async () => {
    const taking = routes.filter((one) => one.body !== null);
    const asked = taking.flatMap((route) => BODIES.map((body) => ({ route, body })));
    await all(asked, ({ route, body }) => expectAnswered(route, pathOf(route), body));
  });

  it('by any part of its body', async () => {
    const examples = routes.flatMap((route) =>
      [...(route.examples ?? []), ...(MORE_EXAMPLES[route.path] ?? [])].map((example) => ({ route, example })),
    );
    // Each part gets every third value, and the next part others: their schemas are the same few.
    const asked = examples.flatMap(({ route, example }, place) =>
      VALUES.flatMap((value, each) =>
        variants(example, value).flatMap((body, part) => ((place + part + each) % 3 === 0 ? [{ route, body }] : [])),
      ),
    );
    expect(asked.length).toBeGreaterThan(1_000);
    await all(asked, ({ route, body }) => expectAnswered(route, pathOf(route, 'some-id'), body));
  });

  it('nor takes long, with as many faults as a body can have', async () => {
    const line = JSON.stringify({ person: '', name: 7, data: [], backfill: 'no', timestamp: 'now', unknown: 1 });
    const askedAt = performance.now();
    const answer = await fetch(`${hookline.url}/v1/events`, {
      method: 'POST',
      headers: { authorization: `Bearer ${ADMIN_KEY}`, 'content-type': 'application/x-ndjson' },
      body: Array.from({ length: 10_000 }, () => line).join('\n'),
    });
    expect(answer.status).toBe(422);
    expect((await answer.text()).length).toBeGreaterThan(10_000);
    expect(performance.now() - askedAt).toBeLessThan(SLOW_MS);
  });

  it('and the process is as well as before', async () => {
    expect((await hookline.api('GET', '/healthz')).status).toBe(200);
    expect(Object.hasOwn(Object.prototype, 'a')).toBe(false);
  });
});

describe('any text', () => {
  it.each([
    "'; drop table people; --",
    "' or true --",
    '"; select 1; --',
    "\\' or 1=1 --",
    "E'\\x27'",
    '$1',
    '${1}',
    '/* %s */',
    '%',
    '_',
    '{"a":',
    '👩‍🚀\u202e',
  ])('is stored, found and given back as it is: %s', async (text) => {
    const id = `of ${text}`;
    const path = `/v1/people/${encodeURIComponent(id)}`;
    expect((await hookline.api('PUT', path, { attributes: { [text]: text, same: text } })).status).toBe(200);
    const other = encodeURIComponent(`not of ${text}`);
    await hookline.api('PUT', `/v1/people/${other}`, { attributes: { [text]: `x${text}`, same: 'xx' } });
    expect((await hookline.api('GET', path)).body).toMatchObject({ id, attributes: { [text]: text, same: text } });
    for (const attribute of [text, 'same']) {
      const query = new URLSearchParams({ attribute, value: text }).toString();
      const { body } = await hookline.api<{ data: { id: string }[] }>('GET', `/v1/people?${query}`);
      expect(body.data.map((person) => person.id)).toEqual([id]);
    }
    const event = { id: `event ${text}`, person: id, name: text, data: { [text]: [text] } };
    expect((await hookline.api('POST', '/v1/events', event)).status).toBe(202);
    expect((await hookline.api('GET', `/v1/events/${encodeURIComponent(event.id)}`)).body).toMatchObject(event);
  });
});
