import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startActivities, type TestActivities } from '../support/activities.ts';
import { reset, respond, shortBody, type Behaviour } from '../support/behaviours.ts';

let test: TestActivities;

beforeAll(async () => {
  test = await startActivities();
});

afterAll(() => test.stop());

/** Sends one webhook with this mapping; answers what came of the delivery. */
async function send(name: string, attributes: Record<string, string>, answer: Behaviour, before = {}) {
  test.receiver.on(`/${name}`, answer);
  const step = {
    type: 'webhook',
    id: 'tell',
    url: test.receiver.url(`/${name}`),
    timeout: '1s',
    headers: { 'X-Mark': '{{ secrets.mark }}' },
    response: { attributes },
  };
  const id = await test.freeze(await test.enter(name, { steps: [step] }, { person: name, attributes: before }), 'tell');
  expect(await test.send(id)).toMatchObject({ state: 'sent' });
  return test.delivery(id);
}

const json = (value: unknown) => respond({ json: value });

describe('a mapping that fails changes nothing, and does not undo that the delivery was sent', () => {
  const lead = { lead: '{{ response.lead }}', status: '{{ http.status }}' };

  it.each<[string, Record<string, string>, Behaviour, string, RegExp]>([
    ['a body cut by a reset', lead, reset('body'), 'mapping.failed', /body cannot be used/],
    ['a body that never ends in time', lead, shortBody(), 'mapping.failed', /body cannot be used/],
    ['a body over 256 KiB', lead, respond({ body: 'x'.repeat(300_000) }), 'mapping.failed', /longer than 256 KiB/],
    [
      'a body that cannot be decoded',
      lead,
      respond({ headers: { 'content-encoding': 'br' }, body: 'no' }),
      'mapping.failed',
      /Content-Encoding/,
    ],
    ['NUL in the answer', lead, json({ lead: 'a\0b' }), 'mapping.failed', /NUL/],
    ["NUL in a key of the answer's", { a: '{{ response.a }}' }, json({ a: { 'x\0y': 1 } }), 'mapping.failed', /NUL/],
    [
      'half a character in the answer',
      lead,
      respond({ body: '{"lead":"\\ud83d"}' }),
      'mapping.failed',
      /half a character/,
    ],
    [
      'an integer whose digits would be lost',
      lead,
      respond({ body: '{"lead":12345678901234567890}' }),
      'mapping.failed',
      /2\^53/,
    ],
    ['a number that no double holds', lead, respond({ body: '{"lead":1e999}' }), 'mapping.failed', /finite/],
    ['a value over the limits', lead, json({ lead: 'x'.repeat(70_000) }), 'mapping.too_large', /64|65536/],
    ['too much beside what is there', lead, json({ lead: 'x'.repeat(60_000) }), 'people.too_large', /at most 65536/],
    [
      'a template that fails',
      { a: '{{ response.a | divided_by: 0 }}{% for i in (1..9999999) %}x{% endfor %}' },
      json({ a: 1 }),
      'mapping.failed',
      /^a: /,
    ],
    [
      'a value that is nested too deep',
      { a: '{{ response }}' },
      respond({ body: deep(100) }),
      'mapping.failed',
      /nested more than 64/,
    ],
    [
      'a value that is nested so deep that nobody can walk it',
      { a: '{{ response }}' },
      respond({ body: deep(100_000) }),
      'mapping.failed',
      /./,
    ],
    [
      'text of a value that is nested so deep',
      { a: 'is {{ response }}' },
      respond({ body: deep(100_000) }),
      'mapping.failed',
      /./,
    ],
  ])('%s', async (name, attributes, answer, code, message) => {
    const person = encodeURIComponent(name)
      .replaceAll(/[^a-z0-9]/gi, '-')
      .toLowerCase()
      .slice(0, 60);
    const before = { filler: 'x'.repeat(10_000), lead: 0 };
    const delivery = await send(person, attributes, answer, before);
    expect(delivery).toMatchObject({
      state: 'sent',
      mapping: { state: 'failed', attributes: {}, error: { code, message: expect.stringMatching(message) } },
      attempts: [{ class: 'sent', status: 200 }],
    });
    expect(await test.attributes(person)).toEqual(before);
  });

  it('a secret that the answer echoes', async () => {
    await test.putSecret('mark', 'sesame-open-7');
    const delivery = await send('echo', { a: '{{ response.mark }}' }, json({ mark: 'it is sesame-open-7' }), { a: 1 });
    expect(delivery.mapping).toMatchObject({ state: 'failed', error: { code: 'mapping.failed' } });
    expect(await test.attributes('echo')).toEqual({ a: 1 });
  });
});

/** Lists in lists, as JSON. */
function deep(levels: number): string {
  return '['.repeat(levels) + ']'.repeat(levels);
}

describe('a mapping of an answer', () => {
  it('that is no JSON sees its text', async () => {
    const delivery = await send('text', { said: '{{ response }}' }, respond({ body: 'welcome' }));
    expect(delivery.mapping).toMatchObject({ state: 'applied', attributes: { said: 'welcome' } });
  });

  it('without a body sees status and headers', async () => {
    const answer = respond({ status: 204, headers: { 'X-Lead': '7', 'content-length': '0' } });
    await send('head', { lead: "{{ http.headers['x-lead'] }}", status: '{{ http.status }}' }, answer);
    expect(await test.attributes('head')).toEqual({ lead: '7', status: 204 });
  });

  it('that lacks a field leaves its attribute, and notes it', async () => {
    const delivery = await send('lacks', { lead: '{{ response.lead }}' }, respond({ body: 'plain' }), { lead: 5 });
    expect(delivery).toMatchObject({ state: 'sent', mapping: { state: 'failed', error: { code: 'mapping.failed' } } });
    expect(await test.attributes('lacks')).toEqual({ lead: 5 });
  });

  it('keeps each value as it is, whatever it means elsewhere', async () => {
    const answer = respond({ body: '{"a":{"__proto__":{"b":1},"c":[null,""]},"d":"é💚"}' });
    await send('values', { a: '{{ response.a }}', d: '{{ response.d }}' }, answer);
    expect(await test.attributes('values')).toEqual({ a: { c: [null, ''] }, d: 'é💚' });
  });

  it('counts both of two increments that come at once', async () => {
    const step = (id: string) => ({
      type: 'webhook',
      id,
      url: test.receiver.url('/count'),
      response: { attributes: { n: '{{ customer.n | default: 0 | plus: 1 }}' } },
    });
    const journey = await test.enter('count', { steps: [step('one'), step('two')] }, { person: 'count' });
    const [one, two] = [await test.freeze(journey, 'one'), await test.freeze(journey, 'two')];
    await Promise.all([test.send(one), test.send(two)]);
    expect(await test.attributes('count')).toEqual({ n: 2 });
  });

  it('sees the person as of now, not as of the rendering', async () => {
    test.receiver.on('/now', json({ amount: 5 }));
    const steps = [
      {
        type: 'webhook',
        id: 'tell',
        url: test.receiver.url('/now'),
        response: { attributes: { total: '{{ customer.total | plus: response.amount }}' } },
      },
    ];
    const journey = await test.enter('now', { steps }, { person: 'now', attributes: { total: 1 } });
    const id = await test.freeze(journey, 'tell');
    await test.enter('now', { steps }, { person: 'now', attributes: { total: 100 } });
    await test.send(id);
    expect(await test.attributes('now')).toEqual({ total: 105 });
  });
});
