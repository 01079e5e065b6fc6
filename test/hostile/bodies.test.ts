import { gzipSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { respond, type Behaviour } from '../support/behaviours.ts';
import { SECRET, startHostile, type Hostile, type Seen } from '../support/hostile.ts';
import { tracesOf } from '../support/traces.ts';

let test: Hostile;

beforeAll(async () => {
  test = await startHostile();
});

afterAll(() => test.stop());

/** Sends one delivery to a receiver that answers 200 with this: it is sent, whatever the body is, and not sent again. */
async function sent(does: Behaviour, attributes: Record<string, string>, lead: unknown = 'before') {
  const before = { lead: 'before', filler: 'x'.repeat(1_000) };
  const target = await test.target(does, { fields: { response: { attributes } }, attributes: before });
  const seen = await test.attempt(target);
  expect(seen.outcome).toMatchObject({ class: 'sent', status: 200, delivery: 'sent' });
  expect(await target.send()).toMatchObject({ state: 'sent' });
  expect(target.requests()).toHaveLength(1);
  expect(await test.attributes(target.name)).toEqual({ name: target.name, ...before, lead });
  return seen;
}

const bodyOf = ({ attempt }: Seen) => attempt.responseBody ?? Buffer.alloc(0);
const lead = { lead: '{{ response.lead }}' };
const plain = '{"lead":7}';

describe('a body in an encoding', () => {
  it.each<[string, string, Buffer]>([
    ['gzip, which it is not', 'gzip', Buffer.from(plain)],
    ['that nobody knows', 'zstd', Buffer.from(plain)],
    ['in an encoding', 'gzip, gzip', gzipSync(gzipSync(plain))],
  ])('row 7: %s is kept as it came, and not mapped', async (_, encoding, body) => {
    const seen = await sent(respond({ headers: { 'content-encoding': encoding }, body }), lead);
    expect(seen.delivery.mapping).toMatchObject({ state: 'failed', error: { code: 'mapping.failed' } });
    expect(seen.attempt.error?.code).toBe('body_undecodable');
    expect(bodyOf(seen)).toEqual(body);
  });
});

describe('a body of odd bytes', () => {
  it.each<[string, Buffer, unknown]>([
    ['NUL', Buffer.from('{"lead":7}\0'), 'before'],
    ['invalid UTF-8', Buffer.from([0x7b, 0xff, 0xfe, 0xc3, 0x28, 0x7d]), 'before'],
    ['half a character, escaped', Buffer.from('{"lead":"\\ud800"}'), 'before'],
    ['half a character, in bytes', Buffer.from([0xed, 0xa0, 0x80]), 'before'],
    ['NUL, escaped', Buffer.from('{"lead":"a\\u0000b"}'), 'before'],
    ['a byte order mark', Buffer.from('\ufeff{"lead":7}'), 'before'],
  ])('row 8: %s is kept byte for byte', async (_, body, after) => {
    const seen = await sent(respond({ body, headers: { 'x-odd': '\xff\xfe' } }), lead, after);
    expect(bodyOf(seen)).toEqual(body);
    expect(seen.attempt.responseHeaders).toContainEqual(['x-odd', '\xff\xfe']);
    expect(seen.outcome.mapping).toBe('failed');
  });
});

const lists = (levels: number) => `{"lead":${'['.repeat(levels)}${']'.repeat(levels)}}`;

describe('a body that', () => {
  it.each<[string, string, Record<string, string>, RegExp]>([
    ['is HTML', '<html><h1>It works!</h1></html>', lead, /no JSON, so that it has no field for lead/],
    ['is cut JSON', '{"lead":', lead, /no JSON, so that it has no field for lead/],
    ['nests 200 levels', lists(200), lead, /^lead: the value is nested more than 64 deep/],
    ['nests 100,000 levels', lists(100_000), lead, /^lead: /],
    ['has a number that no double holds', '{"lead":1e999}', lead, /^lead: .*no finite number/],
  ])('row 18: %s changes nothing where it is mapped, and says why', async (_, body, attributes, message) => {
    const seen = await sent(respond({ body, headers: { 'content-type': 'text/html' } }), attributes);
    expect(seen.delivery.mapping).toEqual({
      state: 'failed',
      attributes: {},
      error: { code: 'mapping.failed', message: expect.stringMatching(message) },
    });
    expect(seen.attempt.error).toBeNull();
  });

  it.each<[string, string, Record<string, string>, unknown]>([
    ['is null lacks the field', 'null', lead, 'before'],
    ['is a list lacks the field', '[1,2]', lead, 'before'],
    ['has a key twice gives the last', '{"lead":1,"lead":2}', lead, 2],
    ['names __proto__ gives the rest', '{"lead":{"__proto__":{"admin":true},"a":1}}', lead, { a: 1 }],
    ['is text gives its text', 'welcome', { lead: '{{ response }}' }, 'welcome'],
  ])('row 18: %s', async (_, body, attributes, after) => {
    const seen = await sent(respond({ body }), attributes, after);
    expect(seen.delivery.mapping).toMatchObject({ state: 'applied', error: null });
    expect({}).not.toHaveProperty('admin');
  });
});

describe('a mapping over the limits', () => {
  const thousands = Object.fromEntries(Array.from({ length: 10_000 }, (_, at) => [`key-${at}`, at]));

  it.each<[string, Behaviour, string]>([
    ['a string of 1 MB', respond({ json: { lead: 'x'.repeat(1_000_000) } }), 'mapping.failed'],
    ['a string of 200 KB', respond({ json: { lead: 'x'.repeat(200_000) } }), 'mapping.too_large'],
    ['10,000 values', respond({ json: { lead: thousands } }), 'mapping.too_large'],
  ])('row 19: %s changes nothing, not even in part', async (_, does, code) => {
    const seen = await sent(does, { other: '{{ response.other | default: 1 }}', ...lead });
    expect(seen.delivery.mapping).toMatchObject({ state: 'failed', attributes: {}, error: { code } });
  });
});

describe('an answer that echoes what it was sent', () => {
  it('row 46: has neither credentials nor secrets in the log, and they are not mapped', async () => {
    const target = await test.target(
      (socket, request) =>
        respond({
          headers: { 'X-Saw': String(request.headers['authorization']), 'X-Plain': 'yes' },
          json: { lead: request.headers, basic: Buffer.from(`me:${SECRET}`).toString('base64') },
        })(socket, request),
      { fields: { auth: { basic: { username: 'me', password: '{{ secrets.crm_key }}' } } } },
    );
    const { outcome, delivery, attempt } = await test.attempt(target);
    const [request] = target.requests();
    const credentials = Buffer.from(`me:${SECRET}`).toString('base64');
    expect(request?.headers).toMatchObject({ authorization: `Basic ${credentials}`, 'x-key': SECRET });
    expect(outcome).toMatchObject({ class: 'sent', delivery: 'sent', mapping: 'failed' });
    expect(delivery.mapping.error?.message).toMatch(/holds a secret/);
    expect(`${JSON.stringify(delivery)} ${attempt.responseBody?.toString()}`).not.toContain(credentials);
    expect(await tracesOf(test.db, [SECRET, credentials])).toEqual([]);
    expect(attempt.responseHeaders).toEqual(expect.arrayContaining([['x-plain', 'yes']]));
    expect(await test.attributes(target.name)).toEqual({ name: target.name });
  });
});
