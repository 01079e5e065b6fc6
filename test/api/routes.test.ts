import { createServer } from 'node:http';
import { connect, type AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';
import pino from 'pino';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createApp } from '../../api/app.ts';
import { customerioDialect } from '../../api/compat/customerio/dialect.ts';
import { leanplumDialect } from '../../api/compat/leanplum/dialect.ts';
import { segmentDialect } from '../../api/compat/segment/dialect.ts';
import { route, type Route } from '../../api/route.ts';
import { noParams, noQuery } from '../../api/schemas.ts';
import { HooklineError } from '../../domain/errors.ts';
import { ADMIN_KEY, startHookline, type Answer, type Hookline } from '../support/hookline.ts';
import { expectProblem, send } from '../support/problem.ts';

let hookline: Hookline;

beforeAll(async () => {
  hookline = await startHookline({ worker: false, relays: 0 });
});

afterAll(() => hookline.stop());

const urlOf = ({ path }: Route) => hookline.url + path.replaceAll(/:\w+/g, 'some');

/** Routes that ask for a key, in whichever way. */
const closed = () => hookline.routes.filter(({ scope }) => scope !== null);

/** As a route refuses who has no key: in its own words, where it stands in for one of another API. */
function expectRefused({ dialect }: Route, answer: Answer<unknown>, code?: string): void {
  expect(answer.headers.get('www-authenticate')).toBe(dialect?.challenge ?? 'Bearer');
  if (!dialect) return void expectProblem(answer, 401, code ?? '');
  expect(answer.status).toBe(401);
  expect(dialect.failure.safeParse(answer.body).error).toBeUndefined();
  expect(JSON.stringify(answer.body)).toContain('API key');
}

describe('the key', () => {
  it('is asked for on every route but the public ones', { timeout: 60_000 }, async () => {
    const open = hookline.routes.filter(({ scope }) => scope === null);
    expect(open.map(({ path }) => path).filter((path) => !path.startsWith('/docs'))).toEqual([
      '/healthz',
      '/readyz',
      '/metrics',
      '/openapi.json',
      '/v1/schemas/campaign.json',
    ]);
    expect(closed().map(({ dialect }) => dialect)).toEqual(
      expect.arrayContaining([undefined, segmentDialect, customerioDialect, leanplumDialect]),
    );
    for (const one of closed()) {
      const method = one.method.toUpperCase();
      // Where the key may stand in the body, that has to be one.
      const body = method === 'GET' ? {} : { body: one.dialect?.keyInBody ? '{}' : '{' };
      for (const authorization of ['', 'Basic Og==', 'Bearer', ADMIN_KEY]) {
        const answer = await send(urlOf(one), { method, ...body, headers: { authorization } });
        expectRefused(one, answer, 'auth.missing');
      }
      for (const key of ['wrong', `${ADMIN_KEY}x`, ADMIN_KEY.slice(0, -1), ADMIN_KEY.toUpperCase()]) {
        const headers = { authorization: `Bearer ${key}` };
        expectRefused(one, await send(urlOf(one), { method, ...body, headers }), 'auth.invalid');
        if (!one.dialect) continue;
        for (const pair of [`${key}:${key}`, `${key}:`, `:${key}`]) {
          const basic = `Basic ${Buffer.from(pair).toString('base64')}`;
          const answer = await send(urlOf(one), { method, ...body, headers: { authorization: basic } });
          expectRefused(one, answer);
        }
        const inQuery = await send(`${urlOf(one)}?clientKey=${key}`, { method, headers: { authorization: '' } });
        const clientKey = method !== 'GET' && { body: JSON.stringify({ clientKey: key }) };
        for (const answer of [
          inQuery,
          await send(urlOf(one), { method, ...clientKey, headers: { authorization: '' } }),
        ]) {
          expectRefused(one, answer);
        }
      }
    }
  });

  it('is asked for before any of the body has come, but where the key may stand in it', async () => {
    const withBody = closed().filter(({ method }) => method !== 'get');
    expect(withBody.filter(({ dialect }) => dialect?.keyInBody).map(({ path }) => path)).toEqual([
      '/compat/leanplum/api',
    ]);
    for (const one of withBody.filter(({ dialect }) => !dialect?.keyInBody)) {
      const { hostname, port, pathname } = new URL(urlOf(one));
      const socket = connect(Number(port), hostname);
      const head = [`${one.method.toUpperCase()} ${pathname} HTTP/1.1`, 'Host: x', 'Connection: close'];
      socket.write([...head, 'Content-Type: application/json', 'Content-Length: 9', '', ''].join('\r\n'));
      expect(await text(socket), one.path).toMatch(/^HTTP\/1\.1 401 /);
    }
  });

  it('is not asked for where the API says that it lives', async () => {
    for (const path of ['/healthz', '/readyz']) {
      expect((await send(hookline.url + path, { method: 'GET', headers: { authorization: '' } })).status).toBe(200);
    }
  });
});

describe('a request for what does not exist', () => {
  it.each([
    ['GET', '/'],
    ['GET', '/v1'],
    ['GET', '/v2/people/x'],
    ['GET', '/v1/constructor'],
    ['GET', '/v1/people/x/y'],
    ['PATCH', '/v1/people/x'],
    ['GET', '/v1/events'],
    ['PROPFIND', '/v1/people/x'],
    ['GET', '/%'],
    ['GET', '/%00'],
  ])('%s %s is a 404, key or no key', async (method, path) => {
    for (const authorization of ['', `Bearer ${ADMIN_KEY}`]) {
      expectProblem(await send(hookline.url + path, { method, headers: { authorization } }), 404, 'route.not_found');
    }
  });

  it.each([
    ['/v1/people/nobody', 'people.not_found'],
    ['/v1/events/none', 'events.not_found'],
    ['/v1/campaigns/none', 'campaigns.not_found'],
    ['/v1/broadcasts/none', 'broadcasts.not_found'],
    ['/v1/journeys/none', 'journeys.not_found'],
    ['/v1/deliveries/none', 'deliveries.not_found'],
  ])('GET %s is a 404 with a code of its own', async (path, code) => {
    const { detail } = expectProblem(await hookline.api('GET', path), 404, code);
    expect(detail).toContain(`"${path.split('/').at(-1)}"`);
  });

  it('DELETE /v1/secrets/none is a 404 with a code of its own', async () => {
    expectProblem(await hookline.api('DELETE', '/v1/secrets/none'), 404, 'secrets.not_found');
  });

  it('HEAD is GET without the body (RFC 9110), and nothing on other routes', async () => {
    expect(await send(`${hookline.url}/healthz`, { method: 'HEAD' })).toMatchObject({ status: 200, body: null });
    for (const path of ['/v1/events', '/v1/people/nobody']) {
      expect(await send(hookline.url + path, { method: 'HEAD' })).toMatchObject({ status: 404, body: null });
    }
  });
});

describe('every answer', () => {
  it('has a request id of its own, and does not say what it runs on', async () => {
    const answers = await Promise.all(['/healthz', '/v1/people/x', '/none'].map((path) => hookline.api('GET', path)));
    expect(new Set(answers.map(({ headers }) => headers.get('x-request-id'))).size).toBe(3);
    expect(answers.map(({ headers }) => headers.get('x-powered-by'))).toEqual([null, null, null]);
  });

  it.each(['//', '/v1/people//', '*', '/v1/journeys?%', '/v1/journeys?a[b]=1', '/v1/people/;x', '/\\'])(
    'to the request target %s is one of ours, and no 500',
    async (target) => {
      const socket = connect(Number(new URL(hookline.url).port), '127.0.0.1');
      socket.write(
        `GET ${target} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer ${ADMIN_KEY}\r\nConnection: close\r\n\r\n`,
      );
      expect(await text(socket)).toMatch(/^HTTP\/1\.1 (200|400|404|422) .*"requestId":"req_|^HTTP\/1\.1 200 /s);
    },
  );

  it.each([
    [segmentDialect, { success: false, message: expect.any(String) }],
    [customerioDialect, { meta: { error: expect.any(String) } }],
    [leanplumDialect, { response: [{ success: false, error: { message: expect.any(String) } }] }],
  ])('below $root has its form also where it is a fault of our own', async (dialect, form) => {
    const failing = (path: string, error: Error) =>
      route({
        method: 'post',
        path: `${dialect.root}${path}`,
        summary: 'Fails',
        scope: null,
        params: noParams,
        query: noQuery,
        body: null,
        dialect,
        answers: {},
        handle: async () => {
          throw error;
        },
      });
    const away = new HooklineError('internal.unavailable', 'Postgres is away');
    const routes = [failing('/fails', new TypeError('secret')), failing('/away', away)];
    const log = pino({ level: 'silent' });
    const server = createServer(createApp({ ...hookline, routes, db: hookline.database.db, log }));
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const { port } = server.address() as AddressInfo;
    const ask = (path: string) => send(`http://127.0.0.1:${port}${dialect.root}${path}`);
    const answers = { failed: await ask('/fails'), away: await ask('/away'), nothing: await ask('/none') };
    await new Promise((resolve) => server.close(resolve));

    expect(answers).toMatchObject({ failed: { status: 500 }, away: { status: 503 }, nothing: { status: 404 } });
    for (const { body } of Object.values(answers)) expect(body).toEqual(form);
    expect(answers.away.headers.get('retry-after')).toBe('1');
    expect(JSON.stringify(answers.failed.body)).not.toContain('secret');
  });

  it('to a fault of our own is a 500 that keeps its cause in the log', async () => {
    const lines: string[] = [];
    const failing = route({
      method: 'get',
      path: '/fails',
      summary: 'Fails',
      scope: null,
      params: noParams,
      query: noQuery,
      body: null,
      answers: {},
      handle: async () => {
        throw new TypeError('postgres://user:secret@db is gone');
      },
    });
    const log = pino({}, { write: (line) => void lines.push(line) });
    const server = createServer(createApp({ ...hookline, routes: [failing], db: hookline.database.db, log }));
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const address = server.address() as AddressInfo;
    const answer = await send(`http://127.0.0.1:${address.port}/fails`, { method: 'GET' });
    await new Promise((resolve) => server.close(resolve));

    expectProblem(answer, 500, 'internal.error');
    expect(JSON.stringify(answer.body)).not.toContain('postgres');
    const errors = lines.map((line) => JSON.parse(line)).filter(({ level }) => level >= 50);
    expect(errors).toMatchObject([
      {
        level: 50,
        requestId: answer.headers.get('x-request-id'),
        err: { message: 'postgres://user:secret@db is gone' },
      },
    ]);
  });
});
