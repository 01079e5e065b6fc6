import { describe, expect, it } from 'vitest';
import { compileRequest } from '../../../domain/request/request.ts';
import { buildScope } from '../../../domain/scope.ts';
import type { Json } from '../../../domain/json.ts';
import type { Webhook } from '../../../domain/campaign/webhook.ts';

const url = 'https://api.example.com/x';

function render(webhook: Partial<Webhook>, attributes: Record<string, Json> = {}) {
  const scope = buildScope({ person: { id: 'p1', attributes }, now: '2026-03-01T09:00:00Z' });
  return compileRequest({ url, ...webhook }).render(scope);
}

/** The example of Customer.io's page for Close. */
const close = `{
  "name": "{{ customer.company }}",
  "url": "{% if customer.company_url.size > 0 %}{{customer.company_url}}{%else %}{% endif %}",
  "contacts": [
    {
      "name": "{{customer.first_name}} {{customer.last_name}}",
      "title": "{{customer.jobTitle}}",
      "phones": [{ "type": "office", "phone": "{{ customer.phone }}" }]
    }
  ],
  "custom": {
    "Source": "{% if customer.source.size > 0 %}{{customer.source}}{%else %}Unknown{% endif %}"
  }
}`;

const plain = { company: 'Acme', first_name: 'Ann', last_name: 'Lee', jobTitle: 'CTO', phone: '+33 1', source: 'ad' };
const awkward = { company: 'The "A" \\ B', first_name: 'Zoë\n😀', last_name: "O'Neil\t{{ x }}", jobTitle: '</script>' };

const lead = (person: Record<string, string>) => ({
  name: person['company'] ?? '',
  url: '',
  contacts: [
    {
      name: `${person['first_name']} ${person['last_name']}`,
      title: person['jobTitle'] ?? '',
      phones: [{ type: 'office', phone: person['phone'] ?? '' }],
    },
  ],
  custom: { Source: person['source'] ?? 'Unknown' },
});

/** The same with each string as a template of its own: an empty one stays text, as it is not one single output. */
const closeAsJson = JSON.parse(close.replace('"{{ customer.phone }}"', '" {{ customer.phone }}"')) as Json;

describe('a lead for Close', () => {
  it('is the same as raw text and as JSON for a plain person', () => {
    expect(JSON.parse(render({ body: close }, plain).body ?? '')).toEqual(lead(plain));
    expect(render({ body: { text: close } }, plain)).toMatchObject({ headers: [['Content-Type', 'application/json']] });
  });

  it('survives quotes, backslashes, line breaks and emoji as JSON', () => {
    const { body, missing } = render({ body: { json: closeAsJson } }, awkward);
    expect(JSON.parse(body ?? '')).toEqual({
      ...lead(awkward),
      contacts: [{ ...lead(awkward).contacts[0], phones: [{ type: 'office', phone: ' ' }] }],
    });
    expect(missing).toEqual(['customer.phone']);
  });

  it('is refused as raw text that a value broke, with the place', () => {
    expect(() => render({ body: close }, awkward)).toThrowError(
      expect.objectContaining({
        code: 'render.invalid_json',
        message: expect.stringContaining('body: the result is no JSON at line 2, column 17: expected a comma'),
      }),
    );
  });
});

describe('body.json', () => {
  it('keeps types, leaves keys and other values alone, and gives null for what is missing', () => {
    const json = {
      age: '{{ customer.age }}',
      tags: '{{ customer.tags }}',
      nick: '{{ customer.nick }}',
      text: 'is {{ customer.age }}',
      '{{ key }}': [1, true, null, 'x', { deep: '{{ customer.vip }}' }],
    };
    const request = render({ body: { json } }, { age: 33, tags: ['a'], vip: false });
    expect(request.body).toBe(
      '{"age":33,"tags":["a"],"nick":null,"text":"is 33","{{ key }}":[1,true,null,"x",{"deep":false}]}',
    );
    expect(request).toMatchObject({ headers: [['Content-Type', 'application/json']], missing: ['customer.nick'] });
  });
});

describe('body.form and body.data', () => {
  const fields = { first_name: '{{ customer.first }}', last_name: '{{ customer.last }}', age: '{{ customer.age }}' };
  const mary = { first: 'Mary', last: 'Doe & Sons', age: 7 };
  const form = 'first_name=Mary&last_name=Doe+%26+Sons&age=7';

  it.each<[string, Partial<Webhook>, string, string]>([
    ['form', { body: { form: fields } }, 'application/x-www-form-urlencoded', form],
    ['data', { body: { data: fields } }, 'application/json', '{"first_name":"Mary","last_name":"Doe & Sons","age":7}'],
    [
      'data with the short form type',
      { headers: { 'content-type': 'x-www-form-urlencoded' }, body: { data: fields } },
      'application/x-www-form-urlencoded',
      form,
    ],
    [
      'data with a JSON type of its own',
      { headers: { 'Content-Type': 'application/vnd.api+json; charset=utf-8' }, body: { data: { a: 'b' } } },
      'application/vnd.api+json; charset=utf-8',
      '{"a":"b"}',
    ],
  ])('writes %s', (_, webhook, contentType, body) => {
    expect(render(webhook, mary)).toMatchObject({ headers: [['Content-Type', contentType]], body });
  });

  it('sends a missing form field as empty', () => {
    expect(render({ body: { form: { a: '{{ customer.nick }}' } } })).toMatchObject({
      body: 'a=',
      missing: ['customer.nick'],
    });
  });
});

describe('body.text', () => {
  it('is sent as it is when it is no JSON', () => {
    const text = '<p>{{ customer.name }}</p>\n';
    expect(render({ headers: { 'Content-Type': 'text/xml' }, body: { text } }, { name: '"A"' })).toMatchObject({
      headers: [['Content-Type', 'text/xml']],
      body: '<p>"A"</p>\n',
    });
  });

  it('is the whole customer in the way of Customer.io', () => {
    const { body } = render({ body: '{{ customer | replace: "=>", ":"}}' }, { name: 'A "b"', tags: ['x'] });
    expect(JSON.parse(body ?? '')).toEqual({ name: 'A "b"', tags: ['x'], id: 'p1' });
  });

  it.each([
    ['', 'line 1, column 1: expected a value, but it ends here'],
    ['{\n  "a": {{ customer.nick }}\n}', 'line 3, column 1: expected a value'],
    ['{"a": 1,}', 'line 1, column 9: expected a key in quotes'],
    ['[1 2]', 'line 1, column 4: expected a comma or the closing bracket'],
    ['{"a": "x\ny"}', 'line 1, column 9: a line break or control character inside quotes'],
    ['{"a": "\\x"}', 'line 1, column 8: a backslash that escapes nothing'],
    ['{"a": "x', 'line 1, column 9: the quotes are not closed'],
    ["{'a': 1}", 'line 1, column 2: expected a key in quotes or }'],
    ['{"a": 01}', 'line 1, column 7: expected a value'],
    ['{} {}', 'line 1, column 4: expected nothing more'],
  ])('%j is no JSON', (text, where) => {
    expect(() => render({ body: { text } })).toThrowError(
      expect.objectContaining({ code: 'render.invalid_json', message: expect.stringContaining(where) }),
    );
  });

  it.each(['null', ' [ ] ', '{"a":{"b":[{},[],-1.5e+3,"\\u00e9\\n",true]}}', '"x"', '0'])('%j is JSON', (text) => {
    expect(render({ body: { text } }).body).toBe(text);
  });
});

describe('method and size', () => {
  it('has a body only if one is given, POST unless told', () => {
    expect(render({})).toEqual({ method: 'POST', url, headers: [], body: null, missing: [] });
    expect(render({ method: 'GET' })).toMatchObject({ method: 'GET', body: null });
    expect(render({ method: 'DELETE', body: { json: {} } })).toMatchObject({ method: 'DELETE', body: '{}' });
  });

  it('refuses a body of more than 256 KiB', () => {
    const body = { json: [1, 2, 3, 4, 5].map(() => '{{ customer.long }}') };
    expect(() => render({ body }, { long: 'x'.repeat(60_000) })).toThrowError(
      expect.objectContaining({ code: 'render.too_large', message: expect.stringContaining('262144') }),
    );
  });

  it('refuses a Content-Type that came out of a template and contradicts the body', () => {
    const webhook = { headers: { 'Content-Type': '{{ customer.type }}' }, body: { json: {} } };
    expect(() => render(webhook, { type: 'text/xml' })).toThrowError(
      expect.objectContaining({ code: 'render.invalid_header' }),
    );
    expect(render(webhook, {}).headers).toEqual([['Content-Type', 'application/json']]);
  });
});
