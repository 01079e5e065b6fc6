import { describe, expect, it } from 'vitest';
import { buildScope } from '../../domain/scope.ts';
import { compileTemplate, renderText, renderValue, templateFaults, templateVariables } from '../../domain/template.ts';

const scope = buildScope({
  person: {
    id: 'p-1',
    attributes: {
      first_name: 'Ann',
      age: 33,
      vip: true,
      tags: ['a', 'b'],
      note: null,
      address: { city: 'Nice' },
      list: [{ n: 1 }, { n: 2 }],
    },
  },
  event: { id: 'evt_1', name: 'updateStatus', timestamp: new Date(1_767_225_600_000), data: { newStatus: 'Gold' } },
  now: new Date('2026-03-01T23:30:00Z'),
});

const text = (source: string) => renderText(compileTemplate(source), scope);
const value = (source: string) => renderValue(compileTemplate(source), scope);

describe('rendering', () => {
  it.each([
    ['plain text', 'plain text'],
    ['Hi {{ customer.first_name }}!', 'Hi Ann!'],
    ["{{User ID}} is {{parameter['newStatus']}} ({{ user.first_name }})", 'p-1 is Gold (Ann)'],
    ['{{ User ID | upcase }}', 'P-1'],
    ['{% raw %}{{User ID}}{% endraw %}', '{{User ID}}'],
    ['{{ event.newStatus }} {{ event.name }} {{ event_name }} {{ event_id }}', 'Gold updateStatus updateStatus evt_1'],
    ['{{ event_timestamp }}', '2026-01-01T00:00:00.000Z'],
    ['{{ customer.tags }} {{ customer.address }}', '["a","b"] {"city":"Nice"}'],
    ['{{ customer.address | replace: "=>", ":" }}', '{"city":"Nice"}'],
    ['{{ customer.address | upcase }}', '{"CITY":"NICE"}'],
    ['{{ customer.tags | join: ", " }}', 'a, b'],
    ['{{ "x" | append: customer.tags }}', 'x["a","b"]'],
    ['{% capture all %}{{ customer.tags }}{% endcapture %}{{ all }}', '["a","b"]'],
    ['{% echo customer.tags %}{% cycle customer.tags %}', '["a","b"]["a","b"]'],
    ['{% for tag in customer.tags %}{{ tag }}{{ forloop.index }}{% endfor %}', 'a1b2'],
    ['{% if customer.company_url.size > 0 %}{{ customer.company_url }}{%else %}none{% endif %}', 'none'],
    ['{ "name": {{ customer.nickname | json }} }', '{ "name": null }'],
    ['{% increment customer %}{{ now }}', '02026-03-01T23:30:00.000Z'],
  ])('%s prints %s', (source, printed) => {
    expect(text(source).text).toBe(printed);
  });

  it('leaves the scope as it was, so that one template cannot change the next', () => {
    text('{% assign now = 1 %}{% increment customer %}{% decrement event_name %}');
    expect(text('{{ customer.id }} {{ event_name }}').text).toBe('p-1 updateStatus');
  });

  it.each<[string, unknown, boolean]>([
    ['{{ customer.age }}', 33, true],
    ['{{ customer.vip }}', true, true],
    ['{{ customer.tags }}', ['a', 'b'], true],
    ['{{ customer.address }}', { city: 'Nice' }, true],
    ['{{ customer.note }}', null, true],
    ['{{ customer.nickname }}', null, false],
    ['{{ customer.note.deeper }}', null, false],
    ['{{ customer.age | plus: 1 }}', 34, true],
    ['{{ customer.lifetime_value | default: 0 }}', 0, true],
    ['{{ customer.age }} years', '33 years', true],
    [' {{ customer.age }}', ' 33', true],
    ['{{ customer.age }}{{ customer.age }}', '3333', true],
    ['12', '12', true],
  ])('%s is %j', (source, expected, present) => {
    expect(value(source)).toMatchObject({ value: expected, present });
  });

  it.each<[string, string[]]>([
    ['{{ customer.last_name }}', ['customer.last_name']],
    ['{{ customer.last_name | upcase }} {{ customer.last_name }}', ['customer.last_name']],
    ["{{ parameter['old status'] }}{{ customer.address.zip }}", ['parameter.old status', 'customer.address.zip']],
    ['{{ "Dear " | append: customer.title }}', ['customer.title']],
    ['{% echo customer.title %}', ['customer.title']],
    ['{% for tag in customer.tags limit: 1 %}{{ tag.name }}{% endfor %}', ['tag.name']],
    ['{{ customer.title | default: "Mx" }}', []],
    ['{{ customer.title | default: customer.first_name }}', []],
    ['{{ customer.title | default: customer.last_name }}', ['customer.title', 'customer.last_name']],
    ['{{ customer.value | default: 0 | plus: customer.amount }}', ['customer.amount']],
    ['{% if customer.title %}{{ customer.title }}{% else %}none{% endif %}', []],
    ['{{ customer.note }}', []],
    ['{{ customer.title | json }}', ['customer.title']],
  ])('%s misses %j', (source, missing) => {
    expect(text(source).missing).toEqual(missing);
    expect(value(source).missing).toEqual(missing);
  });

  it.each([
    ['x\n{{ "a" | append }}', 'render.template', 'line 2, column 1: append expect 2 arguments'],
    ['{{ "a" | append }}', 'render.template', 'line 1, column 1: append expect 2 arguments'],
    ['{{ "*" | base64_decode }}', 'render.template', 'line 1, column 1: invalid base64'],
    ['{% for i in (1..100000000) %}{% endfor %}', 'render.too_large', 'memory alloc limit exceeded'],
    ['{% for i in (1..100000) %}0123456789{% endfor %}', 'render.too_large', '512 KiB'],
  ])('%s fails with %s: %s', (source, code, message) => {
    for (const render of [text, value]) {
      expect(() => render(source)).toThrowError(
        expect.objectContaining({ code, message: expect.stringContaining(message) }),
      );
    }
  });

  it('ends after three seconds', () => {
    const loops =
      '{% for i in (1..3000) %}{% for j in (1..3000) %}{% assign k = j | times: 2 %}{% endfor %}{% endfor %}';
    const tooLong = { code: 'render.too_large', message: expect.stringContaining('render limit exceeded') };
    const startedAt = performance.now();
    expect(() => text(loops)).toThrowError(expect.objectContaining(tooLong));
    // Far more than it takes, since the machine may stall meanwhile.
    expect(performance.now() - startedAt).toBeLessThan(10_000);
  });

  const inherited = [
    ...['constructor', '__proto__', 'toString', 'valueOf', 'hasOwnProperty', '__lookupGetter__'],
    ...['next', 'equals', 'gt', 'leq', 'liquidMethodMissing'],
  ];

  it.each([
    ...[
      'customer',
      'customer.address',
      'customer.tags',
      'customer.first_name',
      'customer.age',
      'event',
      'now',
      'secrets',
    ],
    ...['empty', 'blank', 'nothing'],
  ])('reads own fields only, of %s', (object) => {
    for (const name of inherited) {
      expect(text(`{{ ${object}.${name} }}{{ ${object}['${name}'] }}{{ ${object}.${name}.name }}`).text).toBe('');
      expect(text(`{% assign name = '${name}' %}{{ ${object}[name] }}`).text).toBe('');
      expect(value(`{{ ${object}.${name} }}`)).toMatchObject({ value: null, present: false });
    }
  });

  it('reads of a loop where it is, and compares with empty and blank', () => {
    const where = ['index', 'index0', 'first', 'last', 'rindex', 'rindex0', 'length', 'name'];
    const read = (loop: string, names: string[]) => names.map((name) => `{{ ${loop}.${name} }}`).join(' ');
    expect(text(`{% for x in (7..8) %}${read('forloop', where)}, {% endfor %}`).text).toBe(
      '1 0 true false 2 1 2 x-(7..8), 2 1 false true 1 0 2 x-(7..8), ',
    );
    const cells = ['row', 'col', 'col0', 'col_first', 'col_last'];
    expect(text(`{% tablerow x in (7..8) %}${read('tablerowloop', cells)}{% endtablerow %}`).text).toBe(
      '<tr class="row1"><td class="col1">1 1 0 true false</td><td class="col2">1 2 1 false true</td></tr>',
    );
    expect(text('{% for x in (7..7) %}{{ forloop | json }}{% endfor %}').text).toBe(
      '{"i":0,"length":1,"name":"x-(7..7)"}',
    );
    const list = '{{ customer.tags.size }} {{ customer.tags.first }} {{ customer.tags.last }}';
    expect(text(list).text).toBe('2 a b');
    for (const [test, holds] of [
      ['"" == empty', true],
      ['customer.tags != empty', true],
      ['" " == blank', true],
      ['customer.nothing == blank', true],
      ['"a" == blank', false],
      ['1 > empty', false],
    ] as const)
      expect(text(`{% if ${test} %}yes{% endif %}`).text, test).toBe(holds ? 'yes' : '');
  });

  it('reads own fields only, of what a loop has, by filters, and by names alone', () => {
    for (const name of inherited) {
      const parts = `{{ forloop.${name} }}{{ forloop['${name}'].name }}{% assign key = '${name}' | split: '|' %}{{ forloop[key] }}`;
      expect(text(`{% for tag in customer.tags %}${parts}{% endfor %}`).text).toBe('');
      expect(text(`{% for x in (1..2) %}{{ forloop.${name} }}{{ forloop.index }}{% endfor %}`).text).toBe('12');
      expect(text(`{% tablerow tag in customer.tags %}{{ tablerowloop.${name} }}{% endtablerow %}`).text).not.toMatch(
        /[A-Z{[]/,
      );
      expect(text(`{{ ${name} }}`).text).toBe('');
      expect(text(`{{ customer.list | map: '${name}' | join }}`).text.trim()).toBe('');
      expect(text(`{{ customer.list | where: '${name}' | size }}{{ customer.list | sum: '${name}' }}`).text).toBe('00');
      expect(text(`{{ customer.list | find: '${name}' }}{{ customer.list | has: '${name}' }}`).text).toBe('false');
    }
  });
});

describe('faults', () => {
  it.each<[string, [number, number, string][]]>([
    ['{{ customer.first_name }}', []],
    ["{{ customer['first name'] | default: 'x', allow_false: true }}", []],
    ['{{ customer.first name }}', [[1, 19, 'unexpected "name"']]],
    ['{{ customer.age | plus: 1 2 }}', [[1, 27, 'unexpected character']]],
    ['{{ customer.age | upcse }}', [[1, 19, 'unknown filter "upcse"; did you mean "upcase"?']]],
    ['{{ customer.tags | sample }}', [[1, 20, 'unknown filter "sample"']]],
    ['{{ customer.age | }}', [[1, 17, 'a filter is missing']]],
    [
      '{{}}\n{{ }}',
      [
        [1, 3, 'a value is missing'],
        [2, 4, 'a value is missing'],
      ],
    ],
    ['{{ customer. }}', [[1, 12, 'a name is missing after the dot']]],
    ['{{ customer[first name] }}', [[1, 18, 'only one name fits in brackets']]],
    ['{{ customer[] }}', [[1, 13, 'a name is missing in the brackets']]],
    ['{{ event.items[event.index].sku }}', []],
    ['a {{ customer.id', [[1, 3, 'is not closed; add }}']]],
    ['{{User ID}} {{ user name }}', [[1, 21, 'unexpected "name"']]],
    ['{{customer.firstName"}} {{customer.lastName"}}', [[1, 21, 'unexpected']]],
    ['line\n  {% foo %}', [[2, 3, 'unknown tag "foo"; did you mean "for"?']]],
    ['{% if a %}', [[1, 1, 'is not closed; add {% endif %}']]],
    ['{% if a = b %}{% endif %}', [[1, 9, 'unexpected "= b"']]],
    ['{% if a %}{% elsif b c %}{% endif %}', [[1, 22, 'unexpected "c"']]],
    ['{% if a %}{% else if b %}{% endif %}', [[1, 19, 'write elsif']]],
    ['{% if a and b or not c %}{% endif %}', []],
    ['{% if a and %}{% endif %}', [[1, 12, 'a value is missing']]],
    ['{% unless a b %}{% endunless %}', [[1, 13, 'unexpected "b"']]],
    ['{% endif %}', [[1, 1, 'belongs to no open tag']]],
    ['{% assign x = a b %}', [[1, 17, 'unexpected "b"']]],
    ['{% assign x 1 %}', [[1, 13, 'an = is missing']]],
    ['{% echo a b %}', [[1, 11, 'unexpected "b"']]],
    ['{% for x in a b %}{% endfor %}', [[1, 15, 'unexpected "b"']]],
    ['{% for x in a limit: 2 reversed %}{% endfor %}', []],
    [
      "{% case a b %}{% when 'x' y %}{% endcase %}",
      [
        [1, 11, 'unexpected "b"'],
        [1, 27, 'unexpected "y"'],
      ],
    ],
    ["{% case a %}{% when 'x', 'y' or 'z' %}{% endcase %}", []],
    [
      '{% liquid\n assign x = a b\n echo x | nope\n%}',
      [
        [2, 15, 'unexpected "b"'],
        [3, 11, 'unknown filter'],
      ],
    ],
    [
      "{% include 'a' %}{% render 'b' %}{% layout 'c' %}",
      [
        [1, 1, 'reads no other files'],
        [1, 18, 'reads'],
        [1, 34, 'reads'],
      ],
    ],
    ['{% comment %}{{ a b }}{% nope %}{% endcomment %}{% raw %}{{ a b }}{% endraw %}', []],
  ])('%s', (source, expected) => {
    expect(templateFaults(source)).toEqual(
      expected.map(([line, column, message]) => ({ line, column, message: expect.stringContaining(message) })),
    );
  });

  it('stops after 50, and refuses what is too long or nested too deeply instead of failing', () => {
    expect(templateFaults('{{ a b }}'.repeat(10_000))).toHaveLength(50);
    expect(templateFaults('x'.repeat(256 * 1024 + 1))).toHaveLength(1);
    expect(templateFaults(`{{ ${'a['.repeat(20_000)}${']'.repeat(20_000)} }}`)).toHaveLength(1);
    expect(templateFaults(`${'{% if a %}'.repeat(10_000)}${'{% endif %}'.repeat(10_000)}`)).toHaveLength(1);
  });

  it('refuses to compile a template that has faults', () => {
    expect(() => compileTemplate('\n{{ a b }}')).toThrowError(
      expect.objectContaining({ code: 'render.template', message: expect.stringContaining('line 2, column 6') }),
    );
  });
});

describe('variables', () => {
  it('are those that the scope has to have, with their place', () => {
    const source =
      "{{ secrets.a | append: customer['first name'] }}{% assign x = responses.lead.list[customer.i] %}\n{{ x.y }}{{ event.z }}";
    expect(templateVariables(source)).toEqual([
      { path: ['secrets', 'a'], line: 1, column: 4 },
      { path: ['customer', 'first name'], line: 1, column: 24 },
      { path: ['customer', 'i'], line: 1, column: 83 },
      { path: ['responses', 'lead', 'list', '*'], line: 1, column: 63 },
      { path: ['event', 'z'], line: 2, column: 13 },
    ]);
  });
});
