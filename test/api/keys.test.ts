import { sql } from 'drizzle-orm';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { eventually } from '../support/eventually.ts';
import { startHookline, type Hookline } from '../support/hookline.ts';
import { expectProblem, send } from '../support/problem.ts';
import { prepareProcesses } from '../support/processes.ts';
import { tracesOf } from '../support/traces.ts';

let hookline: Hookline;

beforeAll(async () => {
  hookline = await startHookline({ worker: false, relays: 0 });
});
afterAll(() => hookline.stop());

type Key = { id: string; key: string; name: string; scope: string; lastUsedAt: string | null };

async function make(name: string, scope: string, more: object = {}): Promise<Key> {
  const answer = await hookline.api<Key>('POST', '/v1/keys', { name, scope, ...more });
  expect(answer.status).toBe(201);
  return answer.body;
}

const call = (
  key: string,
  path = '/v1/people/nobody',
  method = 'GET',
  body?: string,
  headers: Record<string, string> = {},
) =>
  send(hookline.url + path, {
    method,
    headers: { ...headers, authorization: `Bearer ${key}` },
    ...(body !== undefined && { body }),
  });

/** How long after now a key was still let in, by when it was asked: what stalls later does not count. */
async function letInFor(ask: () => Promise<{ status: number }>): Promise<number> {
  const begunAt = performance.now();
  let letInAt = begunAt;
  await eventually(async () => {
    const askedAt = performance.now();
    if ((await ask()).status === 401) return true;
    letInAt = askedAt;
    return false;
  });
  return letInAt - begunAt;
}

const listed = async (name: string) =>
  (await hookline.api<{ data: Key[] }>('GET', '/v1/keys?limit=200')).body.data.find((key) => key.name === name);

describe('an API key', () => {
  it('is shown once, works at once, and is stored as a hash alone', async () => {
    const made = await make('shop', 'ingest', { rateLimit: '100/s', expiresAt: '2999-01-01T00:00:00Z' });
    expect(made).toEqual({
      id: expect.stringMatching(/^key_/),
      key: expect.stringMatching(/^hk_ingest_[\w-]{43}$/),
      name: 'shop',
      scope: 'ingest',
      rateLimit: '100/s',
      expiresAt: '2999-01-01T00:00:00.000Z',
      createdAt: expect.any(String),
    });
    const { key, ...fields } = made;
    expect(await listed('shop')).toEqual({ ...fields, lastUsedAt: null });
    const event = JSON.stringify({ person: 'p', name: 'x' });
    expect((await call(key, '/v1/events', 'POST', event)).status).toBe(202);
    expect(await tracesOf(hookline.database.db, [made.id])).toEqual(['api_keys']);
    expect(await tracesOf(hookline.database.db, [key.slice('hk_ingest_'.length)])).toEqual([]);
  });

  it.each([
    ['ingest', ['ingest']],
    ['operate', ['ingest', 'operate']],
    ['admin', ['ingest', 'operate', 'admin']],
  ])('with the scope %s passes on routes for %j, and on no other', async (scope, allowed) => {
    const { key } = await make(`all ${scope}`, scope);
    for (const route of hookline.routes.filter((one) => one.scope !== null)) {
      const path = route.path.replaceAll(/:\w+/g, 'none');
      const method = route.method.toUpperCase();
      const answer = await call(key, `${path}?unknown=1`, method, method === 'GET' ? undefined : '{}');
      if (allowed.includes(route.scope ?? '')) expect([401, 403]).not.toContain(answer.status);
      else if (route.dialect) expect(answer.status).toBe(403);
      else expectProblem(answer, 403, 'auth.scope');
    }
  });

  it('stands by its name where something was done with it, beside the name of who did it, also when it is gone', async () => {
    const { key, id } = await make('desk', 'operate');
    await hookline.api('PUT', '/v1/webhooks/greet', { url: 'http://127.0.0.1:9/', send: 'draft' });
    await hookline.api('PUT', '/v1/people/ada', { attributes: {} });
    const headers = { 'x-hookline-actor': 'ann@shop.example' };
    const decided: string[] = [];
    for (const decision of ['approve', 'discard']) {
      const send = await hookline.api<{ delivery: { id: string } }>('POST', '/v1/webhooks/greet/send', {
        person: 'ada',
      });
      decided.push(send.body.delivery.id);
      const path = `/v1/deliveries/${send.body.delivery.id}/${decision}`;
      expect((await call(key, path, 'POST', '{"reason":"as agreed"}', headers)).status).toBe(200);
    }
    expect((await hookline.api('DELETE', `/v1/keys/${id}`)).status).toBe(200);
    const by = { key: 'desk', actor: 'ann@shop.example' };
    for (const [at, decision] of ['approve', 'discard'].entries()) {
      expect((await hookline.api('GET', `/v1/deliveries/${decided[at]}`)).body).toMatchObject({
        decision: { by, decision, reason: 'as agreed', at: expect.stringMatching(/Z$/) },
      });
    }
  });

  it('is refused once it has expired', async () => {
    const expiresAt = new Date(Date.now() + 3_000);
    const { key } = await make('short', 'operate', { expiresAt: expiresAt.toISOString() });
    expectProblem(await call(key), 404, 'people.not_found');
    await eventually(async () => (await call(key)).status === 401);
    expect(expectProblem(await call(key), 401, 'auth.invalid').detail).toContain(expiresAt.toISOString());
  });

  it('is refused as soon as it is deleted, here and in every other process within a second', async ({
    onTestFinished,
  }) => {
    const other = await prepareProcesses({ databaseUrl: hookline.database.url });
    onTestFinished(() => other.stop());
    await other.startServer().ready;
    const { id, key } = await make('gone', 'admin');
    const there = async () => {
      const headers = { authorization: `Bearer ${key}` };
      return send(`${other.url}/v1/people/nobody`, { method: 'GET', headers });
    };
    await eventually(async () => (await there()).status === 404);
    expectProblem(await call(key), 404, 'people.not_found');
    expect(await hookline.api('DELETE', `/v1/keys/${id}`)).toMatchObject({ status: 200, body: { id } });
    expectProblem(await call(key), 401, 'auth.invalid');
    expect(await letInFor(there)).toBeLessThan(1_000);
    expectProblem(await there(), 401, 'auth.invalid');
    expectProblem(await hookline.api('DELETE', `/v1/keys/${id}`), 404, 'keys.not_found');
  });

  it('that was deleted behind the back of all is refused by the next poll', async () => {
    const { id, key } = await make('lost notice', 'operate');
    expectProblem(await call(key), 404, 'people.not_found');
    await hookline.database.db.execute(sql`delete from api_keys where id = ${id}`);
    expect(await letInFor(() => call(key))).toBeLessThan(1_000);
  });

  it('says when it was last used, and writes that no more than once a minute', async () => {
    const { key } = await make('busy', 'operate');
    await call(key);
    const first = await eventually(async () => (await listed('busy'))?.lastUsedAt ?? undefined);
    expect(Math.abs(Date.parse(first) - Date.now())).toBeLessThan(10_000);
    await call(key);
    await new Promise((resolve) => setTimeout(resolve, 1_200));
    expect((await listed('busy'))?.lastUsedAt).toBe(first);
  });
});

describe('making a key', () => {
  it('is refused where another has the name, also if both come at once', async () => {
    const both = await Promise.all(
      [1, 2].map(() => hookline.api('POST', '/v1/keys', { name: 'twin', scope: 'ingest' })),
    );
    const [won, lost] = both.toSorted((a, b) => a.status - b.status);
    expect(won?.status).toBe(201);
    if (lost) expectProblem(lost, 409, 'keys.name_taken');
  });

  it.each([
    [{ scope: 'ingest' }, 'name: is missing; write a string'],
    [{ name: 'x', scope: 'root' }, 'scope: '],
    [{ name: 'admin', scope: 'admin' }, 'name: admin is the key of the environment; take another name'],
    [{ name: 'x', scope: 'ingest', rateLimit: 'fast' }, 'rateLimit: write a number of requests per s, m or h'],
    [{ name: 'x', scope: 'ingest', expiresAt: '2020-01-01T00:00:00Z' }, 'expiresAt: lies in the past'],
    [{ name: 'x', scope: 'ingest', key: 'mine' }, 'key: unknown key'],
  ])('%j is refused: %s', async (body, fault) => {
    const { faults } = expectProblem(await hookline.api('POST', '/v1/keys', body), 422, 'input.invalid');
    expect(faults).toEqual([expect.stringContaining(fault)]);
  });
});

describe('the rate of a key', () => {
  it('is told with each answer, and 429 with when to come again beyond it', async () => {
    const { key } = await make('slow', 'operate', { rateLimit: '2/h' });
    const answers = [await call(key), await call(key), await call(key)];
    expect(
      answers.map(({ status, headers }) => [status, headers.get('ratelimit'), headers.get('retry-after')]),
    ).toEqual([
      [404, '"key";r=1;t=1800', null],
      [404, expect.stringMatching(/^"key";r=0;t=3(600|59\d)$/), null],
      [429, expect.stringMatching(/^"key";r=0;t=3(600|59\d)$/), expect.stringMatching(/^1(800|79\d)$/)],
    ]);
    expect(answers[0]?.headers.get('ratelimit-policy')).toBe('"key";q=2;w=3600');
    for (const answer of answers.slice(2)) expectProblem(answer, 429, 'auth.rate_limited');
  });

  it('is no matter of other keys', async () => {
    expect((await hookline.api('GET', '/v1/people/nobody')).headers.get('ratelimit')).toBeNull();
  });
});
