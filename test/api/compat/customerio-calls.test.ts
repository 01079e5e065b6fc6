import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { createCompatClient } from '../../support/compat.ts';
import { ADMIN_KEY, startHookline, type Hookline } from '../../support/hookline.ts';
import { send } from '../../support/problem.ts';

let hookline: Hookline;
let client: Awaited<ReturnType<typeof createCompatClient>>;

beforeAll(async () => {
  hookline = await startHookline({ worker: false, relays: 0 });
  client = await createCompatClient(hookline);
});
afterAll(() => hookline.stop());

const basic = (key: string) => `Basic ${Buffer.from(`site:${key}`).toString('base64')}`;
const call = (method: string, path: string, body?: unknown, authorization = basic(client.keys.operate)) =>
  send(`${hookline.url}/compat/customerio/${path}`, {
    method,
    ...(body !== undefined && { body: typeof body === 'string' ? body : JSON.stringify(body) }),
    headers: { authorization },
  });

/** A person whom no other test knows. */
let ada: string;
let count = 0;
beforeEach(() => {
  count += 1;
  ada = `ada@example.com/${count}`;
});

describe('a call by itself', () => {
  it.each([
    ['PUT', 'api/v1/customers/x', 400, 'cio_id: there is none here', { cio_id: 'a3000001' }],
    ['PUT', 'api/v1/customers/x', 400, 'id: an id cannot be changed', { id: 'y' }],
    ['PUT', 'api/v1/customers/x', 400, 'a: NUL and half surrogate pairs', { a: 'x\u0000' }],
    ['PUT', 'api/v1/customers/x', 400, 'at most 65536 are kept', { a: 'x'.repeat(70_000) }],
    ['PUT', 'api/v1/customers/x', 400, 'The body is not valid JSON', '{'],
    ['PUT', 'api/v1/customers/x', 400, 'Send a smaller body', `"${'x'.repeat(1_100_000)}"`],
    ['PUT', `api/v1/customers/${'x'.repeat(256)}`, 400, 'path.id: write an id of 1 to 255 characters', {}],
    ['PUT', 'api/v1/customers/%', 400, 'The request cannot be read', {}],
    ['PUT', 'API/v1/nothing', 404, 'does not exist', {}],
    ['POST', 'api/v1/customers/x/events', 400, 'name: is missing', {}],
    ['POST', 'api/v1/customers/x/events', 400, 'name: must not be empty', { name: ' ' }],
    ['POST', 'api/v1/customers/x/events', 400, 'name: write at most 255', { name: 'x'.repeat(256) }],
    ['POST', 'api/v1/customers/x/events', 400, 'timestamp: write seconds', { name: 'x', timestamp: 1767225600000 }],
    ['POST', 'api/v1/customers/x/events', 400, 'timestamp: write seconds', { name: 'x', timestamp: 'now' }],
    ['POST', 'api/v1/customers/x/events', 400, 'may take 32768', { name: 'x', data: { a: 'x'.repeat(33_000) } }],
    ['POST', 'api/v1/events', 400, 'anonymous_id: an event needs a person here', { name: 'x' }],
    ['POST', 'api/v1/merge_customers', 400, 'secondary: ', { primary: { id: 'x' } }],
    [
      'POST',
      'api/v1/merge_customers',
      400,
      'known by their id alone',
      { primary: { id: 'x' }, secondary: { cio_id: 1 } },
    ],
    ['POST', 'api/v1/merge_customers', 400, 'known by their id alone', { primary: { id: 'x' }, secondary: {} }],
    ['POST', 'v1/campaigns/x/triggers', 400, 'send one of ids, emails and recipients', { ids: [1], emails: ['a'] }],
  ])('%s %s is a %i where %s', async (method, path, status, why, body) => {
    const answer = await call(method, path, body);
    expect(answer).toMatchObject({ status, body: { meta: { error: expect.stringContaining(why) } } });
    expect(Object.keys(answer.body ?? {})).toEqual(['meta']);
    expect(answer.headers.get('content-type')).toContain('application/json');
  });

  it('takes no other form', async () => {
    const headers = { authorization: basic(client.keys.ingest), 'content-type': 'text/plain' };
    const url = `${hookline.url}/compat/customerio/api/v1/customers/x`;
    expect(await send(url, { method: 'PUT', body: '{}', headers })).toMatchObject({
      status: 400,
      body: { meta: { error: expect.stringContaining('text/plain') } },
    });
  });

  it('of many at once with one event id counts once', async () => {
    const event = { name: 'x', id: `once ${ada}` };
    const answers = await Promise.all(
      Array.from({ length: 10 }, () => call('POST', `api/v1/customers/${encodeURIComponent(ada)}/events`, event)),
    );
    expect(answers.map(({ status }) => status)).toEqual(answers.map(() => 200));
    expect(await client.eventsOf(ada)).toHaveLength(1);
  });

  it('that would merge people is refused to a key of the scope ingest', async () => {
    const path = `api/v1/customers/${encodeURIComponent(ada)}`;
    const answer = await call('PUT', path, { anonymous_id: 'visitor' }, basic(client.keys.ingest));
    expect(answer).toMatchObject({ status: 403, body: { meta: { error: expect.stringContaining('scope operate') } } });
    expect(await client.isKnown(ada)).toBe(false);
  });
});

describe('the key', () => {
  it.each([
    ['none', '', 401],
    ['an empty one', basic(''), 401],
    ['one that stands for the user', `Basic ${Buffer.from(`${ADMIN_KEY}:`).toString('base64')}`, 401],
    ['an unknown one', basic('wrong'), 401],
    ['one of Bearer', `Bearer ${ADMIN_KEY}`, 200],
    ['the admin key', basic(ADMIN_KEY), 200],
  ])('%s is judged as elsewhere', async (_, authorization, status) => {
    const answer = await call('PUT', 'api/v1/customers/x', {}, authorization);
    expect(answer.status).toBe(status);
    if (status !== 401) return;
    expect(answer.headers.get('www-authenticate')).toMatch(/^Basic /);
    expect(answer.body).toEqual({ meta: { error: expect.stringMatching(/API key/) } });
  });

  it('with a rate is told when to come again', async () => {
    const answer = await client.askTooOften((key) => call('PUT', 'api/v1/customers/x', {}, basic(key)));
    expect(answer).toMatchObject({ status: 429, body: { meta: { error: expect.stringContaining('may send') } } });
    expect(answer.retryAfter).toBeGreaterThan(0);
  });
});
