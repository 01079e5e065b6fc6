import { describe, expect, it } from 'vitest';
import { compileRequest } from '../../../domain/request/request.ts';
import { buildScope } from '../../../domain/scope.ts';
import type { Webhook, WebhookDefaults } from '../../../domain/campaign/webhook.ts';

const secrets = {
  lob_key: 'test_0123456789',
  base: 'https://crm.example.com/v1',
  host: 'crm.example.com',
  token: 't0ken-value',
  scheme: 'https:',
};

function scopeOf(attributes: Parameters<typeof buildScope>[0]['person']['attributes'] = {}, id = 'p 1/ü') {
  return buildScope({
    person: { id, attributes },
    event: { id: 'evt_1', name: 'updateStatus', timestamp: '2026-01-01T00:00:00Z', data: { newStatus: 'Gold & co' } },
    secrets,
    now: '2026-03-01T09:00:00Z',
  });
}

const render = (webhook: Webhook, scope = scopeOf(), defaults?: WebhookDefaults) =>
  compileRequest(webhook, defaults).render(scope);

const url = 'https://api.example.com/x';

describe('the URL', () => {
  it.each([
    ['https://api.example.com/people/{{ customer.id }}', 'https://api.example.com/people/p%201%2F%C3%BC'],
    [
      "https://www.leanplum.com/api?userId={{User ID}}&status={{parameter['newStatus']}}",
      'https://www.leanplum.com/api?userId=p%201%2F%C3%BC&status=Gold%20%26%20co',
    ],
    ['https://api.example.com/?s={{ event.newStatus | url_encode }}', 'https://api.example.com/?s=Gold+%26+co'],
    ['https://api.example.com/{{ "a/b c" | url_escape }}', 'https://api.example.com/a/b%20c'],
    ['https://api.example.com/{{ "a/b?c" | raw }}', 'https://api.example.com/a/b?c'],
    ['https://api.example.com/?q={{ customer.nothing }}', 'https://api.example.com/?q='],
    ['https://api.example.com/?t={{ customer.tags }}', 'https://api.example.com/?t=%5B%22a%22%5D'],
    [
      'https://api.example.com/{% if customer.id %}{{ event.newStatus }}{% endif %}/{% echo "ä" %}',
      'https://api.example.com/Gold%20%26%20co/%C3%A4',
    ],
    [
      'https://api.example.com/{% capture n %}{{ event.newStatus }}{% endcapture %}{{ n }}',
      'https://api.example.com/Gold%20%26%20co',
    ],
    [
      '{% assign s = event.newStatus | downcase %}https://api.example.com/{{ s }}',
      'https://api.example.com/gold%20%26%20co',
    ],
    ['{{ secrets.base }}/leads', 'https://crm.example.com/v1/leads'],
    ['https://{{ secrets.host }}/leads/{{ customer.id }}', 'https://crm.example.com/leads/p%201%2F%C3%BC'],
    ['https://api.example.com/a#top', 'https://api.example.com/a'],
    ['https://api.example.com/a/../b', 'https://api.example.com/b'],
  ])('%s', (template, expected) => {
    expect(render({ url: template }, scopeOf({ tags: ['a'] })).url).toBe(expected);
  });

  it.each<[string, string, string, string]>([
    [
      'an empty output in the path',
      'https://api.example.com/{{ customer.nick }}/x',
      'render.missing_variable',
      'customer.nick is empty in the path',
    ],
    [
      'an empty encoded output in the path',
      'https://api.example.com/{{ customer.nick | url_encode }}',
      'render.missing_variable',
      'customer.nick',
    ],
    ['a missing secret as the base', '{{ secrets.nope }}/x', 'render.missing_variable', 'secrets.nope'],
    [
      'a value that climbs up',
      'https://api.example.com/people/{{ customer.dots }}/x',
      'render.invalid_url',
      'is . or ..',
    ],
    ['a secret that is no URL', '{{ secrets.token }}/x', 'render.invalid_url', 'no http or https URL'],
    [
      'a secret that ends before the host',
      '{{ secrets.scheme }}\\{{ customer.host | raw }}',
      'render.invalid_url',
      'secrets',
    ],
    ['too long a result', 'https://api.example.com/{{ customer.long }}', 'render.too_large', '16 KiB'],
  ])('fails for %s', (_, template, code, message) => {
    expect(() =>
      render({ url: template }, scopeOf({ dots: '..', host: 'evil.example', long: 'x'.repeat(20_000) })),
    ).toThrowError(expect.objectContaining({ code, message: expect.stringContaining(message) }));
  });

  it.each([
    ['https://{{ customer.host }}/x', 'api.example.com', null],
    ['https://{{ customer.host }}/x', 'other.example.com', 'delivery.host_not_allowed'],
    ['https://{{ customer.host }}/x', 'api.example.com@evil.example', 'render.invalid_url'],
    ['{{ customer.host }}', 'https://api.example.com/a', null],
    ['{{ customer.host }}', 'https://api.example.com:8443/a', 'delivery.host_not_allowed'],
    ['{{ customer.host }}', 'https://eu.example.com:8443/a', null],
    ['{{ customer.host }}', 'https://api.example.com@evil.example/a', 'delivery.host_not_allowed'],
    ['{{ customer.host }}', 'ftp://api.example.com/a', 'render.invalid_url'],
  ])('%s with %s is %s when hosts are listed', (template, host, code) => {
    const allowHosts = ['API.example.com', 'eu.example.com:8443'];
    const run = () => render({ url: template, allowHosts }, scopeOf({ host }));
    if (code === null) expect(run).not.toThrow();
    else expect(run).toThrowError(expect.objectContaining({ code }));
  });
});

describe('headers', () => {
  it('merge with the defaults by name, whatever the case', () => {
    const defaults = { headers: { 'x-team': 'core', 'X-From': '{{ customer.id }}' } };
    const webhook = { url, headers: { 'X-Team': ' growth\t', 'X-Empty': '{{ customer.nick }}' } };
    expect(render(webhook, scopeOf({}, 'p1'), defaults)).toMatchObject({
      headers: [
        ['X-From', 'p1'],
        ['X-Team', 'growth'],
        ['X-Empty', ''],
      ],
      missing: ['customer.nick'],
    });
  });

  it.each(['a\r\nX-Evil: 1', 'a\nb', 'a\0b', 'a\u007fb', '€', '😀'])('refuse the value %j', (value) => {
    expect(() => render({ url, headers: { 'X-Name': '{{ customer.v }}' } }, scopeOf({ v: value }))).toThrowError(
      expect.objectContaining({ code: 'render.invalid_header', message: expect.stringContaining('headers.X-Name') }),
    );
    expect(() => render({ url, auth: { bearer: '{{ customer.v }}' } }, scopeOf({ v: value }))).toThrowError(
      expect.objectContaining({ code: 'render.invalid_header' }),
    );
  });

  it('are trimmed in no time, however many blanks are in the middle', () => {
    const note = ` a${' '.repeat(500_000)}b `;
    expect(() => render({ url, headers: { 'X-Note': '{{ customer.note }}' } }, scopeOf({ note }))).toThrow(/X-Note/);
  });

  it('take Latin-1', () => {
    expect(render({ url, headers: { 'X-Name': 'Zoë' } }).headers).toEqual([['X-Name', 'Zoë']]);
  });
});

describe('authorization', () => {
  const lob = `Basic ${Buffer.from('test_0123456789:').toString('base64')}`;
  it.each<[string, Webhook, WebhookDefaults, string]>([
    ['basic', { url, auth: { basic: { username: '{{ secrets.lob_key }}', password: '' } } }, {}, lob],
    ['bearer', { url, auth: { bearer: '{{ secrets.token }}' } }, {}, 'Bearer t0ken-value'],
    ['a secret in the URL', { url: 'https://{{ secrets.lob_key }}:@api.example.com/x' }, {}, lob],
    ['user and password in the URL', { url: 'https://ann:p%40ss@api.example.com/x' }, {}, `Basic ${btoa('ann:p@ss')}`],
    ['a header', { url, headers: { authorization: 'Api-Key 1' } }, { auth: { bearer: 'default' } }, 'Api-Key 1'],
    ['the default auth', { url }, { auth: { bearer: 'default' } }, 'Bearer default'],
    ['the default header', { url }, { headers: { Authorization: 'X y' } }, 'X y'],
    ['auth over the default header', { url, auth: { bearer: 'b' } }, { headers: { Authorization: 'X y' } }, 'Bearer b'],
    [
      'the URL over the defaults',
      { url: 'https://a:b@api.example.com/x' },
      { auth: { bearer: 'd' } },
      `Basic ${btoa('a:b')}`,
    ],
  ])('comes from %s', (_, webhook, defaults, expected) => {
    const request = render(webhook, scopeOf(), defaults);
    expect(request.url).toBe(url);
    expect(request.headers.map(([name, value]) => [name.toLowerCase(), value])).toEqual([['authorization', expected]]);
  });

  it('refuses a user name with a colon, which would move into the password', () => {
    const webhook: Webhook = { url, auth: { basic: { username: '{{ customer.id }}', password: 'x' } } };
    expect(() => render(webhook, scopeOf({}, 'a:b'))).toThrowError(
      expect.objectContaining({ code: 'render.invalid_header' }),
    );
  });
});
