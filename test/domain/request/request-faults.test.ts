import { describe, expect, it } from 'vitest';
import { webhookFaults } from '../../../domain/request/request-faults.ts';
import type { Webhook, WebhookDefaults } from '../../../domain/campaign/webhook.ts';

const url = 'https://api.example.com/x';
const faults = (webhook: Partial<Webhook>, defaults?: WebhookDefaults) =>
  webhookFaults({ url, ...webhook }, 'steps[1]', defaults).map((fault) => `${fault.path}: ${fault.message}`);

it('finds every fault of a webhook in one pass, each with its place', () => {
  const found = faults({
    url: 'https://{{ customer.host }}/x',
    auth: { basic: { username: '{{ a b }}', password: '' } },
    headers: { Host: 'x', 'X Y': '1', 'X-A': '{{ x | nope }}', 'x-a': 'é\n', 'Content-Type': 'text/xml' },
    body: { json: { list: [{ name: 'x\n{{ customer.first name }}' }] } },
    allowHosts: [],
    response: { attributes: { lead: '{{ secrets.key }}', ok: '{{ response.id }}', id: 'x' } },
  });
  expect(found).toEqual([
    expect.stringMatching(/^steps\[1\]\.auth\.basic\.username: line 1, column 6: unexpected "b"/),
    expect.stringMatching(/^steps\[1\]\.headers\.X-A: line 1, column 8: unknown filter "nope"/),
    expect.stringMatching(/^steps\[1\]\.body\.json\.list\[0\]\.name: line 2, column 19: unexpected "name"/),
    expect.stringMatching(/^steps\[1\]\.response\.attributes\.lead: line 1, column 4: secrets are for/),
    expect.stringMatching(/^steps\[1\]\.response\.attributes\.id: cannot be set/),
    expect.stringMatching(/^steps\[1\]\.url: webhooks\.host_not_allowed: only a secret may be the host/),
    expect.stringMatching(/^steps\[1\]\.headers\.Host: is set by Hookline/),
    expect.stringMatching(/^steps\[1\]\.headers\['X Y'\]: is no header name/),
    expect.stringMatching(/^steps\[1\]\.headers\.x-a: is the same header as X-A/),
    expect.stringMatching(/^steps\[1\]\.headers\.x-a: has a line break/),
    expect.stringMatching(/^steps\[1\]\.headers\.Content-Type: contradicts the body: body\.json is sent as JSON/),
  ]);
});

describe('the URL', () => {
  it.each([
    'https://api.example.com/people/{{ customer.id }}?x={{ event.x }}',
    'https://api.example.com?x={{ event.x }}',
    'https://api.example.com#{{ event.x }}',
    'https://user:{{ secrets.password }}@api.example.com/x',
    'https://{{ customer.id }}:x@api.example.com/x',
    'https://{{ secrets.host }}:{{ secrets.port }}/x',
    'https://{{ secrets.sub | downcase }}.example.com/x',
    '{{ secrets.base }}/x/{{ customer.id }}',
    '{{ secrets.base }}',
    '{% assign x = customer.id %}https://api.example.com/{{ x }}',
    '{%- comment -%} CRM {%- endcomment -%} https://api.example.com/{{ customer.id }}',
    'http://127.0.0.1:8080/bin/{{ customer.id }}',
  ])('may be %s', (template) => {
    expect(faults({ url: template })).toEqual([]);
  });

  it.each([
    'https://{{ customer.host }}/x',
    'https://api.example.com{{ customer.path }}',
    'https://api.example.com:{{ customer.port }}/x',
    'https://{{ secrets.sub }}{{ customer.host }}/x',
    'https://{{ secrets.host | append: customer.tail }}/x',
    'https://{{ customer.id | raw }}:x@api.example.com/x',
    '{{ customer.url }}',
    '{{ secrets.base }}{{ customer.path }}',
    '{{ secrets.scheme }}//{{ customer.host }}/x',
    '{{ secrets.scheme }}://{{ customer.host }}/x',
    '{{ secrets.base | append: "@" }}{{ customer.host }}',
    '{% if customer.vip %}https://a.example.com{% else %}https://b.example.com{% endif %}/x',
    '{% assign secrets = customer %}{{ secrets.base }}/x',
    '{% capture secrets %}{{ customer.x }}{% endcapture %}https://{{ secrets }}/x',
    "https://{{ ['customer'].host }}/x",
    'https:\\\\{{ customer.host }}\\x',
  ])('may not be %s, unless hosts are listed', (template) => {
    expect(faults({ url: template })).toEqual([expect.stringContaining('webhooks.host_not_allowed')]);
    expect(faults({ url: template, allowHosts: ['api.example.com'] })).toEqual([]);
  });

  it.each([
    'ftp://api.example.com/x',
    'api.example.com/x',
    '/x',
    'https://',
    'https:///{{ customer.x }}',
    'https://a b/{{ x }}',
    'https:/{{ x }}',
    'mailto:ann@example.com',
  ])('may not be %s', (template) => {
    expect(faults({ url: template })).toEqual(['steps[1].url: is no http or https URL; write it as https://host/path']);
  });

  it('is judged by the rules of the installation where they are known', () => {
    const rules = { allowHttp: false, allowNetworks: [] };
    const judged = (literal: string) => webhookFaults({ url: literal }, '', {}, rules).map(({ path }) => path);
    expect(judged('http://api.example.com/x')).toEqual(['url']);
    expect(judged('https://10.0.0.1/{{ customer.id }}')).toEqual(['url']);
    expect(judged('https://api.example.com/{{ customer.id }}')).toEqual([]);
  });
});

describe('headers and auth', () => {
  it.each([
    ...[
      'Host',
      'content-length',
      'Transfer-Encoding',
      'Connection',
      'Keep-Alive',
      'upgrade',
      'TE',
      'Trailer',
      'Expect',
    ],
    ...['Idempotency-Key', 'webhook-id', 'Webhook-Anything', 'X-CIO-Signature'],
  ])('refuse the reserved %s', (name) => {
    expect(faults({ headers: { [name]: 'x' } })).toHaveLength(1);
  });

  it('take User-Agent and any other name', () => {
    expect(faults({ headers: { 'User-Agent': 'x', 'X-Webhook-Source': 'y', Cookie: 'a=b' } })).toEqual([]);
  });

  it('say who sends it in one way only', () => {
    const auth = { bearer: 'x' };
    expect(faults({ auth, headers: { authorization: 'x' } })).toHaveLength(1);
    expect(faults({ auth, url: 'https://a:b@api.example.com/' })).toHaveLength(1);
    expect(faults({ auth }, { headers: { Authorization: 'x' } })).toEqual([]);
  });
});

describe('the body', () => {
  it.each<[Partial<Webhook>, WebhookDefaults | undefined, string | null]>([
    [{ body: { json: {} }, headers: { 'content-type': 'application/vnd.api+json; charset=utf-8' } }, undefined, null],
    [
      { body: { json: {} }, headers: { 'content-type': 'application/x-www-form-urlencoded' } },
      undefined,
      'steps[1].headers.content-type',
    ],
    [{ body: { form: {} }, headers: { 'Content-Type': 'x-www-form-urlencoded' } }, undefined, null],
    [{ body: { form: {} } }, { headers: { 'Content-Type': 'application/json' } }, 'steps[1].headers.Content-Type'],
    [{ body: { data: {} }, headers: { 'Content-Type': 'text/plain' } }, undefined, 'steps[1].headers.Content-Type'],
    [{ body: { json: {} }, headers: { 'Content-Type': '{{ customer.type }}' } }, undefined, null],
    [{ body: '<a/>', headers: { 'Content-Type': 'text/xml' } }, undefined, null],
    [{ body: '{"a": 1,}' }, undefined, 'steps[1].body'],
    [{ body: { text: '{"a": {{ x }} }' } }, undefined, null],
  ])('%j with %j', (webhook, defaults, place) => {
    expect(faults(webhook, defaults).map((fault) => fault.split(': ')[0])).toEqual(place === null ? [] : [place]);
  });
});

it('refuses more than 256 KiB of templates together, and hosts that are none', () => {
  const form = Object.fromEntries([1, 2, 3].map((key) => [`f${key}`, 'x'.repeat(100_000)]));
  expect(faults({ body: { form } })).toEqual([expect.stringContaining('a webhook may have 262144')]);
  expect(
    faults({ allowHosts: ['a.example.com', 'a.example.com:8443', '*.example.com', 'https://a', 'a/b', 'u@a'] }),
  ).toEqual([2, 3, 4, 5].map((index) => expect.stringContaining(`steps[1].allowHosts[${index}]: is no host`)));
});
