import { brotliCompressSync, deflateSync, gzipSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ADMIN_KEY, startHookline, type Hookline } from '../support/hookline.ts';
import { expectProblem, send } from '../support/problem.ts';

let hookline: Hookline;

beforeAll(async () => {
  hookline = await startHookline({ worker: false, relays: 0 });
});

afterAll(() => hookline.stop());

const postEvents = (body: string | Uint8Array<ArrayBuffer>, headers: Record<string, string> = {}) =>
  send(`${hookline.url}/v1/events`, { body, headers });
const putPerson = (body: string) => send(`${hookline.url}/v1/people/p`, { method: 'PUT', body });
const bytes = (...parts: (string | number)[]) =>
  new Uint8Array(Buffer.concat(parts.map((part) => Buffer.from(typeof part === 'string' ? part : [part]))));
const event = (data: string) => `{"person":"p","name":"x","data":${data}}`;

describe('a body where there is to be none', () => {
  const suppress = (body: string) => send(`${hookline.url}/v1/people/p/suppress`, { body });

  it.each([
    ['{"x":1}', 422, 'input.invalid'],
    ['[1]', 422, 'input.invalid'],
    ['{bad', 400, 'body.malformed'],
  ])('is refused as everywhere, such as %s, and nothing is done', async (body, status, code) => {
    await putPerson('{"attributes":{}}');
    expectProblem(await suppress(body), status, code);
    expect((await hookline.api('GET', '/v1/people/p')).body).toMatchObject({ suppressed: false });
  });

  it('is refused in another form', async () => {
    const headers = { 'content-type': 'text/plain' };
    const answer = await send(`${hookline.url}/v1/people/p/suppress`, { body: '{}', headers });
    expectProblem(answer, 415, 'body.unsupported_type');
  });

  it('may be an empty object, or nothing', async () => {
    await putPerson('{"attributes":{}}');
    for (const body of ['{}', '']) expect((await suppress(body)).status).toBe(200);
    await hookline.api('POST', '/v1/people/p/unsuppress');
  });
});

describe('a body that cannot be parsed', () => {
  it.each([
    ['{', 'line 1, column 2: expected a key in quotes or }, but it ends here'],
    ['{"person":"p",\n "name":"x",}', 'line 2, column 13: expected a key in quotes'],
    ["{'person':'p'}", 'line 1, column 2: expected a key in quotes or }'],
    ['{"a":01}', 'line 1, column 6: expected a value'],
    ['{"a":NaN}', 'line 1, column 6: expected a value'],
    ['{"a":"b\nc"}', 'line 1, column 8: a line break or control character inside quotes'],
    ['{} {}', 'line 1, column 4: expected nothing more'],
    ['person=p&name=x', 'line 1, column 1: expected a value'],
  ])('%j is a 400 with the place', async (body, where) => {
    const { detail } = expectProblem(await postEvents(body), 400, 'body.malformed');
    expect(detail).toBe(`The body is not valid JSON: ${where}.`);
  });

  it.each([
    ['PUT', '/v1/secrets/crm_key', 'application/json', '{"value": "s3cr3t-s3cr3t" "x"}'],
    ['POST', '/v1/events', 'application/x-ndjson', '{"person": "s3cr3t-s3cr3t" 1}\n"s3cr3t-s3cr3t'],
    ['POST', '/compat/segment/v1/track', 'application/json', '{"userId": "s3cr3t-s3cr3t" "x"}'],
    ['POST', '/compat/leanplum/api', 'application/json', '{"clientKey": "s3cr3t-s3cr3t" "x"}'],
    ['POST', '/compat/leanplum/api', 'application/x-www-form-urlencoded', 'action=multi&data=[{"a":"s3cr3t-s3cr3t"'],
    ['PUT', '/v1/campaigns/a', 'application/yaml', 'a: *s3cr3t-s3cr3t'],
    ['PUT', '/v1/campaigns/a', 'application/yaml', 'a: !s3cr3t-s3cr3t'],
    ['PUT', '/v1/campaigns/a', 'application/yaml', '%s3cr3t-s3cr3t\n---\na'],
    ['PUT', '/v1/campaigns/a', 'application/yaml', 'a: |s3cr3t-s3cr3t\n  b'],
    ['PUT', '/v1/campaigns/a', 'application/yaml', 'a: "\\s3cr3t-s3cr3t"'],
    ['PUT', '/v1/campaigns/a', 'application/yaml', 'a: [x] s3cr3t-s3cr3t'],
    ['PUT', '/v1/campaigns/a', 'application/yaml', 'a: "b"\n "s3cr3t-s3cr3t": c'],
  ])('is not quoted back, as it may hold secrets: %s %s as %s: %j', async (method, path, type, body) => {
    const answer = await send(hookline.url + path, { method, body, headers: { 'content-type': type } });
    expect([400, 422]).toContain(answer.status);
    expect(JSON.stringify(answer.body)).toMatch(/JSON|YAML/);
    expect(JSON.stringify(answer.body)).not.toContain('3cr3t');
  });

  it('is one that is not UTF-8', async () => {
    for (const body of [bytes('{"person":"', 0xff, '"}'), bytes('"', 0xed, 0xa0, 0x80, '"'), bytes(0xc3)]) {
      const { detail } = expectProblem(await postEvents(body), 400, 'body.malformed');
      expect(detail).toBe('The body is not valid UTF-8. Send it in UTF-8.');
    }
  });

  it('is one that says it is gzip and is not', async () => {
    expectProblem(await postEvents('{}', { 'content-encoding': 'gzip' }), 400, 'body.malformed');
  });
});

describe('the type of a body', () => {
  it.each(['text/plain', 'application/x-www-form-urlencoded', 'application/yaml', 'application/jsonx', ';'])(
    '%s is a 415 where JSON is asked for',
    async (type) => {
      const answer = await postEvents('{"person":"p","name":"x"}', { 'content-type': type });
      expect(expectProblem(answer, 415, 'body.unsupported_type').detail).toContain('Content-Type: application/json');
    },
  );

  it('may be YAML for a campaign, and nothing else', async () => {
    const url = `${hookline.url}/v1/campaigns/a`;
    const answer = await send(url, { method: 'PUT', body: '<a/>', headers: { 'content-type': 'text/xml' } });
    expect(expectProblem(answer, 415, 'body.unsupported_type').detail).toBe(
      'The body came as text/xml; send it with Content-Type: application/json or application/yaml.',
    );
  });

  it('may have parameters and any case, and the body a byte order mark', async () => {
    const body = bytes(0xef, 0xbb, 0xbf, '{"person":"p","name":"x"}');
    expect((await postEvents(body, { 'content-type': 'Application/JSON; charset=utf-8' })).status).toBe(202);
  });

  it('may be compressed with gzip, and not with what nobody knows', async () => {
    const body = new Uint8Array(gzipSync('{"person":"p","name":"x"}'));
    expect((await postEvents(body, { 'content-encoding': 'gzip' })).status).toBe(202);
    expectProblem(await postEvents(body, { 'content-encoding': 'zip' }), 415, 'body.unsupported_type');
  });
});

describe('the size of a body', () => {
  it('is 1 MiB, 8 MiB for events and 256 KiB for campaigns', async () => {
    const person = (size: number) => `{"attributes":{}}${' '.repeat(size - 17)}`;
    const list = (size: number) => `[{"person":"p","name":"x"}]${' '.repeat(size - 27)}`;
    expect((await putPerson(person(1_048_576))).status).toBe(200);
    expectProblem(await putPerson(person(1_048_577)), 413, 'body.too_large');
    expect((await postEvents(list(8_388_608))).status).toBe(202);
    expectProblem(await postEvents(list(8_388_609)), 413, 'body.too_large');
    const url = `${hookline.url}/v1/campaigns/a`;
    expectProblem(await send(url, { method: 'PUT', body: ' '.repeat(262_145) }), 413, 'body.too_large');
  });

  it.each([
    ['gzip', gzipSync],
    ['deflate', deflateSync],
    ['br', brotliCompressSync],
  ])('counts after decompression, of %s, whoever sends it', async (encoding, compress) => {
    const bomb = new Uint8Array(compress(Buffer.alloc(64 * 1_048_576, 0x20)));
    expectProblem(await postEvents(bomb, { 'content-encoding': encoding }), 413, 'body.too_large');
    const lines = { 'content-encoding': encoding, 'content-type': 'application/x-ndjson' };
    expectProblem(await postEvents(bomb, lines), 413, 'body.too_large');
    const keyInBody = { body: bomb, headers: { 'content-encoding': encoding, authorization: '' } };
    expect(await send(`${hookline.url}/compat/leanplum/api`, keyInBody)).toMatchObject({
      status: 400,
      body: { response: [{ error: { message: 'Send a smaller body: see the limits in the documentation.' } }] },
    });
  });
});

describe('the depth of a body', () => {
  const lists = (depth: number) => '['.repeat(depth) + ']'.repeat(depth);

  it('is 64 levels of objects and lists, empty or not', async () => {
    expect((await postEvents(event(`{"a":${lists(62)}}`))).status).toBe(202);
    for (const inner of [lists(63), `${'['.repeat(63)}1${']'.repeat(63)}`, `${'{"a":'.repeat(63)}1${'}'.repeat(63)}`]) {
      const { faults } = expectProblem(await postEvents(event(`{"a":${inner}}`)), 422, 'input.invalid');
      expect(faults).toEqual([': the body is nested deeper than 64 levels; flatten it']);
    }
  });

  it.each<[string, string, string, (depth: number) => string]>([
    ['JSON', '/v1/events', 'application/json', (depth) => event(`{"a":${lists(depth)}}`)],
    ['a list', '/v1/events', 'application/json', (depth) => `[${event(`{"a":${lists(depth)}}`)}]`],
    ['a line of many', '/v1/events', 'application/x-ndjson', (depth) => event(`{"a":${lists(depth)}}`)],
    ['YAML', '/v1/webhooks/preview', 'application/yaml', (depth) => `customer: { a: ${lists(depth)} }`],
    [
      'YAML, by aliases',
      '/v1/webhooks/preview',
      'application/yaml',
      (depth) => `customer: { a: &a ${lists(depth - 30)}, b: ${'['.repeat(30)}*a${']'.repeat(30)} }`,
    ],
    [
      'JSON within JSON',
      '/compat/leanplum/api',
      'application/json',
      (depth) => JSON.stringify({ clientKey: ADMIN_KEY, action: 'multi', data: `[{"params":{"a":${lists(depth)}}}]` }),
    ],
    [
      'JSON within a form',
      '/compat/leanplum/api',
      'application/x-www-form-urlencoded',
      (depth) => new URLSearchParams({ clientKey: ADMIN_KEY, action: 'multi', data: lists(depth) }).toString(),
    ],
  ])('counts after decompression, in %s', async (_, path, type, write) => {
    const headers = { 'content-type': type, 'content-encoding': 'gzip' };
    const answerTo = async (depth: number) => {
      const body = new Uint8Array(gzipSync(write(depth)));
      return JSON.stringify((await send(hookline.url + path, { body, headers })).body);
    };
    expect(await answerTo(65)).toMatch(/nested (deeper than 64 levels|too deep)/);
    expect(await answerTo(50)).not.toContain('nested');
  });

  it('of 100,000 levels stops nothing', async () => {
    expectProblem(await postEvents(lists(100_000)), 422, 'input.invalid');
    expectProblem(await postEvents('{"a":'.repeat(100_000)), 400, 'body.malformed');
    const url = `${hookline.url}/v1/campaigns/a`;
    expectProblem(await send(url, { method: 'PUT', body: lists(100_000) }), 422, 'input.invalid');
    const yaml = { method: 'PUT', body: lists(100_000), headers: { 'content-type': 'application/yaml' } };
    expectProblem(await send(url, yaml), 400, 'body.malformed');
    expect((await hookline.api('GET', '/healthz')).status).toBe(200);
  });
});

describe('text that Postgres cannot hold', () => {
  const message = 'NUL and half surrogate pairs cannot be stored; remove them';

  it('is refused with every place', async () => {
    const body = String.raw`{"attributes":{"a":"\u0000","b":["x",{"c d":"\ud800"}],"e\udc00":1,"ok":"\ud83d\ude00"}}`;
    expect(expectProblem(await putPerson(body), 422, 'input.invalid').faults).toEqual([
      `attributes.a: ${message}`,
      `attributes.b[1]['c d']: ${message}`,
      `attributes['e\ufffd']: ${message}`,
    ]);
  });

  it('is refused in campaigns too', async () => {
    const url = `${hookline.url}/v1/campaigns/nul`;
    const body = String.raw`{"trigger":{"type":"manual"},"steps":[{"type":"exit","reason":"\u0000"}]}`;
    const { faults } = expectProblem(await send(url, { method: 'PUT', body }), 422, 'input.invalid');
    expect(faults).toEqual([`steps[0].reason: ${message}`]);
  });
});

describe('names that objects inherit', () => {
  it('are attributes like others', async () => {
    const attributes = { constructor: 1, toString: 'x', hasOwnProperty: null, valueOf: { prototype: {} } };
    const answer = await hookline.api('PUT', '/v1/people/inherits', { attributes });
    expect(answer).toMatchObject({ status: 200 });
    expect(await hookline.attributes('inherits')).toEqual({
      constructor: 1,
      toString: 'x',
      valueOf: { prototype: {} },
    });
  });

  it('are refused as keys where keys are known', async () => {
    for (const name of ['constructor', 'toString', 'hasOwnProperty', 'valueOf']) {
      const { faults } = expectProblem(await putPerson(`{"attributes":{},"${name}":1}`), 422, 'input.invalid');
      expect(faults).toEqual([expect.stringMatching(`^${name}: unknown key "${name}"`)]);
    }
    const { faults } = expectProblem(await putPerson('{"__proto__":{"attributes":{}}}'), 422, 'input.invalid');
    expect(faults).toEqual(['__proto__: no key may be named __proto__; take another name']);
  });

  it('__proto__ is refused with its place, not dropped in silence', async () => {
    const message = 'no key may be named __proto__; take another name';
    const { faults } = expectProblem(
      await putPerson('{"attributes":{"__proto__":{"admin":true},"b":[{"__proto__":1}]}}'),
      422,
      'input.invalid',
    );
    expect(faults).toEqual([`attributes.__proto__: ${message}`, `attributes.b[0].__proto__: ${message}`]);
    const campaign = await hookline.api(
      'PUT',
      '/v1/campaigns/proto',
      'trigger: { type: manual }\nsteps:\n  - type: exit\n    __proto__: { reason: x }\n',
    );
    expect(expectProblem(campaign, 422, 'input.invalid').faults).toEqual([`steps[0].__proto__: ${message}`]);
    expect(Object.hasOwn(Object.prototype, 'admin')).toBe(false);
  });
});
