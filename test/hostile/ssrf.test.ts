import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createHttp } from '../../activities/http.ts';
import type { Lookup } from '../../activities/guard.ts';
import { respond } from '../support/behaviours.ts';
import { startHostile, type Hostile, type Outcome } from '../support/hostile.ts';

/** What DNS says of each name; of all others, that they are at the receiver. */
const answers = new Map<string, string[]>();
const lookup: Lookup = async (name) =>
  (answers.get(name) ?? ['127.0.0.1']).map((address) => ({ address, family: address.includes(':') ? 6 : 4 }));

let test: Hostile;
/** The network as it is where nothing is configured but http: no private address. */
const guarded = createHttp({ allowHttp: true, allowNetworks: [], lookup });

beforeAll(async () => {
  test = await startHostile({ lookup, allowNetworks: ['127.0.0.1/32'] });
});

afterAll(async () => {
  await guarded.close();
  await test.stop();
});

const blocked: Outcome = {
  class: 'blocked',
  phase: null,
  status: null,
  error: 'delivery.blocked',
  delivery: 'failed',
  mapping: 'none',
};

const origin = (host: string) => test.receiver.origin.replace('127.0.0.1', host);
const json = respond({ json: { lead: 7 } });
let secrets = 0;

/** A host out of a secret: the only one that is not known when the campaign is saved. */
async function secretly(host: string): Promise<string> {
  const name = `host_${(secrets += 1)}`;
  await test.putSecret(name, host);
  return origin(`{{ secrets.${name} | raw }}`);
}

describe('a private address', () => {
  it.each([
    ['in decimal', '2130706433'],
    ['in hexadecimal', '0x7f000001'],
    ['in octal', '0177.0.0.1'],
    ['with two parts', '127.1'],
    ['with a dot at its end', '127.0.0.1.'],
    ['in full-width digits', '１２７.０.０.１'],
    ['behind userinfo', 'hooks.example.com@127.0.0.1'],
    ['as unspecified IPv6', '[::]'],
    ['as IPv6', '[::1]'],
    ['as IPv4 in IPv6', '[::ffff:127.0.0.1]'],
    ['as localhost', 'LocalHost'],
    ['below localhost, with a dot', 'hooks.localhost.'],
    ['of the metadata service', '169.254.169.254'],
    ['of the metadata service in IPv6', '[fd00:ec2::254]'],
  ])('row 31: %s is judged after it is read, and gets no packet', async (_, host) => {
    const target = await test.target(json, { origin: await secretly(host), http: guarded });
    const before = test.receiver.connections.accepted;
    const { outcome, delivery } = await test.attempt(target);
    expect(outcome).toEqual(blocked);
    expect(delivery.error?.message).toMatch(/is not allowed: (its address is not public|link-local)/);
    expect(test.receiver.connections.accepted).toBe(before);
    expect(await target.send()).toMatchObject({ state: 'failed' });
  });

  it.each(['hooks.example.com@127.0.0.1', '[::1]', '127.0.0.1/', '127.0.0.1\\', '127.0.0.1#'])(
    'row 31: that a secret dresses up as %s is no host at all, unless it is taken raw',
    async (host) => {
      await test.putSecret('dressed', host);
      const target = await test.target(json, { origin: origin('{{ secrets.dressed }}'), http: guarded });
      const delivery = await test.delivery(target.id);
      expect(delivery).toMatchObject({ state: 'failed', error: { code: 'render.invalid_url' }, attempts: [] });
      expect(await target.send()).toMatchObject({ state: 'failed' });
    },
  );

  it.each([
    ['127.0.0.1', ['127.0.0.1']],
    ['a public and a private address', ['8.8.8.8', '127.0.0.1']],
    ['an IPv4 address in IPv6', ['::ffff:7f00:1']],
    ['an address for NAT64', ['64:ff9b::7f00:1']],
    ['the metadata service', ['169.254.169.254']],
  ])('row 30: that a name leads to gets no packet, and is not shown: %s', async (what, addresses) => {
    const name = `${what.replaceAll(/[^a-z0-9]+/gi, '-').toLowerCase()}.example.com`;
    answers.set(name, addresses);
    const target = await test.target(json, { origin: origin(name), http: guarded });
    const before = test.receiver.connections.accepted;
    const { outcome, delivery } = await test.attempt(target);
    expect(outcome).toEqual({ ...blocked, phase: 'dns' });
    for (const address of addresses) expect(JSON.stringify(delivery.error)).not.toContain(address.replace('::', ''));
    expect(test.receiver.connections.accepted).toBe(before);
  });

  it('row 30: that a name is bound to between two attempts gets no packet', async () => {
    answers.set('rebind.example.com', ['127.0.0.1']);
    const down = respond({ status: 503, headers: { connection: 'close' } });
    const target = await test.target([down, json], { origin: origin('rebind.example.com') });
    const { delivery } = await test.attempt(target);
    expect(delivery.state).toBe('attempted');
    answers.set('rebind.example.com', ['127.0.0.2']);
    target.clock.now = delivery.nextAttemptAt ?? target.clock.now;
    expect((await test.attempt(target)).outcome).toEqual({ ...blocked, phase: 'dns' });
    expect(target.requests()).toHaveLength(1);
  });
});

describe('a host name of other letters', () => {
  it('row 31: that look like known ones is sent and shown as what it is', async () => {
    const target = await test.target(json, { origin: origin('аpple.test') });
    const { delivery, outcome } = await test.attempt(target);
    expect(outcome).toMatchObject({ class: 'sent', delivery: 'sent' });
    expect(delivery.destination).toBe(origin('xn--pple-43d.test'));
    expect(target.requests()[0]?.headers['host']).toBe(origin('xn--pple-43d.test').replace('http://', ''));
  });
});

const EVIL = '\r\nHost: evil.example\r\n\r\nGET /admin HTTP/1.1';

describe('a value from a person', () => {
  it('row 31: with line breaks in the path is percent-encoded: one request arrives', async () => {
    const target = await test.target(json, { rest: '/{{ customer.evil }}', attributes: { evil: EVIL } });
    expect((await test.attempt(target)).outcome).toMatchObject({ class: 'sent', status: 200 });
    expect(target.requests()).toMatchObject([{ url: `/${target.name}/${encodeURIComponent(EVIL)}` }]);
    expect(target.requests()[0]?.headers['host']).toContain(`${target.name}.test`);
  });

  it('row 31: with line breaks in the query, a form, JSON and text stays in its place: one request arrives', async () => {
    for (const body of [
      { form: { a: '{{ customer.evil }}' } },
      { json: ['{{ customer.evil }}'] },
      { text: '{{ customer.evil }}' },
    ]) {
      const headers = 'text' in body ? { 'Content-Type': 'text/plain' } : {};
      const fields = { body, headers };
      const target = await test.target(json, { fields, rest: '?a={{ customer.evil }}', attributes: { evil: EVIL } });
      expect((await test.attempt(target)).outcome).toMatchObject({ class: 'sent', status: 200 });
      expect(target.requests()).toHaveLength(1);
      const [request] = target.requests();
      expect(request?.url).toBe(`/${target.name}?a=${encodeURIComponent(EVIL)}`);
      expect(request?.headers['host']).toContain(`${target.name}.test`);
      expect(request?.body.length).toBe(Number(request?.headers['content-length']));
    }
    expect(test.receiver.requests.filter(({ url }) => url === '/admin')).toEqual([]);
  });

  it('row 31: with line breaks, a tab and a backslash loses them, where the path takes it raw', async () => {
    const evil = `a\\b\tc${EVIL}`;
    const target = await test.target(json, { rest: '/{{ customer.evil | raw }}', attributes: { evil } });
    expect((await test.attempt(target)).outcome).toMatchObject({ class: 'sent', status: 200 });
    expect(target.requests()).toMatchObject([
      { url: `/${target.name}/a/bcHost:%20evil.exampleGET%20/admin%20HTTP/1.1`, method: 'POST' },
    ]);
  });

  it.each([
    ['line breaks in a header', { headers: { 'X-Note': '{{ customer.evil }}' } }, EVIL, 'render.invalid_header'],
    ['a line break in its credentials', { auth: { bearer: '{{ customer.evil }}' } }, EVIL, 'render.invalid_header'],
    ['a bare line feed in a header', { headers: { 'X-Note': 'a{{ customer.evil }}' } }, '\nb', 'render.invalid_header'],
    ['dots that lead out of the path', {}, '..', 'render.invalid_url'],
  ])('row 31: with %s fails the delivery, which is never sent', async (_, fields, evil, code) => {
    const target = await test.target(json, { fields, rest: '/{{ customer.evil }}/x', attributes: { evil } });
    const delivery = await test.delivery(target.id);
    expect(delivery).toMatchObject({ state: 'failed', error: { code }, frozen: null, attempts: [] });
    expect(delivery.error?.message).not.toContain('evil.example');
    expect(await target.send()).toMatchObject({ state: 'failed' });
    expect((await test.delivery(target.id)).attempts).toEqual([]);
    expect(target.requests()).toHaveLength(0);
  });

  it.each([
    'http://{{ customer.host }}',
    'http://hooks.test:{{ customer.host }}',
    'http://a{{ customer.host }}.test',
    '{{ customer.origin }}',
    'http://{{ event.host }}',
    'http://{{ responses.first.host }}',
    'http://{{ secrets[customer.which] }}',
    'http://{{ secrets.crm_key | append: customer.host }}',
    'http://{{ secrets.crm_key | default: customer.host }}',
    '{% assign host = customer.host %}http://{{ host }}',
    '{% assign secrets = customer %}http://{{ secrets.host }}',
    '{% if customer.host %}http://{{ customer.host }}{% else %}http://hooks.test{% endif %}',
  ])('row 32: is no part of the host: %s is refused when it is saved', async (template) => {
    await expect(test.target(json, { origin: template })).rejects.toThrow(/webhooks\.host_not_allowed: only a secret/);
  });

  const host = 'tenant-1.test';

  it.each([
    ['one that is not listed', 'evil.test'],
    ['a private address', '127.0.0.1'],
    ['a listed name as userinfo', `${host}@evil.test`],
    ['a listed name as the begin of another', `${host}.evil.test`],
    ['a listed name with another port', `${host}:22`],
  ])('row 32: is the host, with allowHosts: %s fails the delivery', async (_, value) => {
    const fields = { allowHosts: [host] };
    const target = await test.target(json, {
      fields,
      origin: 'http://{{ customer.host | raw }}',
      attributes: { host: value },
    });
    expect(await test.delivery(target.id)).toMatchObject({
      state: 'failed',
      error: { code: 'delivery.host_not_allowed' },
      attempts: [],
    });
    expect(await target.send()).toMatchObject({ state: 'failed' });
    expect(target.requests()).toHaveLength(0);
  });

  it('row 32: is the host, with allowHosts: one that is listed is sent to', async () => {
    const listed = origin(host).replace('http://', '');
    const fields = { allowHosts: [listed] };
    const target = await test.target(json, {
      fields,
      origin: 'http://{{ customer.host | raw }}',
      attributes: { host: listed },
    });
    expect((await test.attempt(target)).outcome).toMatchObject({ class: 'sent', delivery: 'sent', mapping: 'applied' });
  });
});
