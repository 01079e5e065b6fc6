import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startActivities, type TestActivities } from '../support/activities.ts';
import { respond } from '../support/behaviours.ts';

let test: TestActivities;

beforeAll(async () => {
  test = await startActivities();
});

afterAll(() => test.stop());

const SECRET = 'pässwörd-1234567';

const webhook = (id: string, fields: object = {}) => ({
  type: 'webhook',
  id,
  url: test.receiver.url(`/${id}`),
  ...fields,
});

describe('a secret that a receiver sends back', () => {
  it('is hidden also where the template computed its name', async () => {
    await test.putSecret('live', SECRET);
    test.receiver.on('/computed', respond({ json: { echo: SECRET } }));
    const step = webhook('computed', {
      body: { json: { key: '{{ secrets[customer.which] }}' } },
      response: { attributes: { echo: '{{ response.echo }}' } },
    });
    const journey = await test.enter('computed', { steps: [step] }, { attributes: { which: 'live' } });
    const id = await test.freeze(journey, 'computed');
    await test.send(id);
    expect(test.receiver.requests.at(-1)?.body.toString()).toBe(JSON.stringify({ key: SECRET }));
    const stored = await test.delivery(id);
    expect(stored).toMatchObject({ request: { body: '{"key":"***"}' }, mapping: { state: 'failed' } });
    expect(stored.attempts[0]?.responseBody?.toString()).toBe('{"echo":"***"}');
  });

  it('leaves no beginning where the stored body is cut, and no other form of itself', async () => {
    await test.putSecret('live', SECRET);
    const forms = `${Buffer.from(SECRET).toString('base64')} ${encodeURIComponent(SECRET)}`;
    const filler = 'x'.repeat(16 * 1024 - Buffer.byteLength(forms) - 8);
    test.receiver.on('/cut', respond({ status: 400, body: `${forms}${filler}${SECRET} and more` }));
    const step = webhook('cut', { auth: { basic: { username: 'u', password: '{{ secrets.live }}' } } });
    const id = await test.freeze(await test.enter('cut', { steps: [step] }), 'cut');
    await test.send(id);
    const body = (await test.delivery(id)).attempts[0]?.responseBody?.toString() ?? '';
    expect(body).toMatch(/^\*\*\*=* \*\*\*x+\*\*\*/);
    expect(body).not.toContain('ssw');
  });

  it.each([
    ['PHP', 'abcd/efgh+1234', 'abcd\\/efgh+1234'],
    ['PHP, with a URL', 'https://hooks.example.com/T0/B0', 'https:\\/\\/hooks.example.com\\/T0\\/B0'],
    ['PHP, in base64', '>>>???>>>?', Buffer.from('u:>>>???>>>?').toString('base64').replaceAll('/', '\\/')],
    ['PHP and Python', 'pässwörd-1234567', 'p\\u00e4ssw\\u00f6rd-1234567'],
    ['Go and Rails', 'a<b>c&d-1234567', 'a\\u003cb\\u003ec\\u0026d-1234567'],
    ['.NET', `ä+<'\u{1F600}-1234567`, '\\u00E4\\u002B\\u003C\\u0027\\uD83D\\uDE00-1234567'],
  ])('is hidden as %s writes it in JSON', async (language, secret, written) => {
    await test.putSecret('live', secret);
    const name = language
      .toLowerCase()
      .replace(/[^a-z]+/g, '-')
      .replace(/^-/, '');
    test.receiver.on(`/${name}`, respond({ body: `{"echo":"${written}"}`, headers: { 'X-Echo': written } }));
    const step = webhook(name, { auth: { basic: { username: 'u', password: '{{ secrets.live }}' } } });
    const id = await test.freeze(await test.enter(name, { steps: [step] }), name);
    await test.send(id);
    const [attempt] = (await test.delivery(id)).attempts;
    expect(attempt?.responseBody?.toString()).toMatch(/^\{"echo":"(?:dTo)?\*\*\*"\}$/);
    expect(attempt?.responseHeaders).toContainEqual(['x-echo', expect.stringMatching(/^(?:dTo)?\*\*\*$/)]);
  });

  it('stands neither in the log of a branch nor in the error of a mapping', async () => {
    await test.putSecret('live', SECRET);
    test.receiver.on('/ask', respond({ json: { echo: `Bearer ${SECRET}` } }));
    const steps = [
      webhook('ask', { headers: { 'X-Key': '{{ secrets.live | base64_encode }}' } }),
      { type: 'branch', id: 'fork', cases: [{ when: { 'responses.ask.echo': 'yes' }, steps: [] }] },
    ];
    const journey = await test.enter('ask', { steps });
    await test.send(await test.freeze(journey, 'ask'));
    await test.prepare(journey, 'fork', 'branch');
    const line = (await test.journey(journey)).log.find(({ step }) => step === 'fork');
    expect(line?.details).toEqual({
      taken: null,
      evaluated: [{ holds: false, values: { 'responses.ask.echo': 'Bearer ***' } }],
    });
  });
});
