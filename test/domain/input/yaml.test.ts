import { describe, expect, it } from 'vitest';
import { HooklineError } from '../../../domain/errors.ts';
import { parseYaml } from '../../../domain/input/yaml.ts';

function refusal(text: string) {
  try {
    parseYaml(text);
  } catch (error) {
    if (error instanceof HooklineError) return { code: error.code, message: error.message, errors: error.errors };
    throw error;
  }
  return undefined;
}

describe('YAML', () => {
  it('becomes JSON by the core schema of YAML 1.2', () => {
    const text = `
id: gold
on: yes
when: 2026-01-02
numbers: [1, 0.5, 0o17, "1"]
url: https://api.example.com/{{ customer.id }}
text: |
  {% if customer.vip: %}
  [[[
shared: &retry { times: 3 }
again: *retry
200: ok
`;
    expect(parseYaml(text)).toEqual({
      id: 'gold',
      on: 'yes',
      when: '2026-01-02',
      numbers: [1, 0.5, 15, '1'],
      url: 'https://api.example.com/{{ customer.id }}',
      text: '{% if customer.vip: %}\n[[[\n',
      shared: { times: 3 },
      again: { times: 3 },
      '200': 'ok',
    });
  });

  it('takes JSON, which is YAML', () => {
    expect(parseYaml('{"id":"gold","steps":[{"url":"{{ a }}"}]}')).toEqual({ id: 'gold', steps: [{ url: '{{ a }}' }] });
  });
});

describe('an unquoted {{', () => {
  it.each([
    ['alone', 'url: {{ customer.id }}'],
    ['with text after it', 'url: {{ customer.id }}/leads?x=1'],
    ['with another after it', 'url: {{ customer.id }}{{ event.id }}'],
    ['with a filter that has quotes', 'url: {{ customer.id | default: "none" }}'],
    ['with brackets', 'url: {{ customer["first name"] }}'],
    ['after text and with a colon', 'url: https://example.com/{{ customer.id | default: "none" }}'],
    ['as a tag', 'url: {% if customer.vip %}a{% endif %}'],
    ['that is not closed', 'url: {{ customer.id'],
  ])('%s is one fault with its place', (_, line) => {
    const text = `id: gold\nsteps:\n  - type: delay\n    for: 1h\n  - type: webhook\n    ${line}\n    send: never\n`;
    expect(refusal(text)).toMatchObject({
      code: 'campaigns.invalid',
      errors: [{ path: 'steps[1].url', message: 'put quotes around a value with {{ … }}' }],
    });
  });

  it.each([
    ['a: { b: 1, url: https://x/{{ c }}, d: 2 }\n', ['a.url']],
    ['a: [ x, {{ b }} ]\n', ['a[1]']],
    ['a:\n  - url: {{ b }}/c\n', ['a[0].url']],
    ['a:\n  - {{ b }}\n', ['a[0]']],
    ['a: {{ b }}\nc:\n  d: {{ e }}/f\n', ['a', 'c.d']],
  ])('in %j is at %j', (text, places) => {
    expect(refusal(text)?.errors.map(({ path }) => path)).toEqual(places);
  });

  it('is not blamed for another fault on a line with a quoted one', () => {
    expect(refusal('url: "https://x/{{ a }}" trailing\n')).toMatchObject({
      code: 'body.malformed',
      errors: [{ path: '', message: 'line 1, column 26: Unexpected scalar at node end' }],
    });
  });
});

describe('what is no YAML', () => {
  it.each([
    ['brackets without end', `a: ${'{'.repeat(1_000_000)}`, /nested too deep/],
    ['brackets without end in a text', `a: "${'{'.repeat(1_000_000)}" x`, /line 1/],
    ['one key in each of many lines', 'a:\n'.repeat(100_000), /this key is already there/],
  ])(
    'is refused in no time where it is %s',
    (_, text, message) => {
      expect(() => parseYaml(text)).toThrow(message);
    },
    60_000,
  );

  it('is not a map of many keys, which takes no time either', () => {
    const text = Array.from({ length: 50_000 }, (_, number) => `k${number}: 1`).join('\n');
    expect(Object.keys(parseYaml(text) ?? {})).toHaveLength(50_000);
  }, 60_000);

  it.each([
    ['id: gold name: Gold trigger: type: event event: x', 'the YAML has lost its newlines; send it with --data-binary'],
    ['id: gold # the id name: Gold trigger: type: event', 'the YAML has lost its newlines; send it with --data-binary'],
    ['', 'the YAML is empty'],
    ['# nothing\n', 'the YAML is empty'],
    ['a: 1\na: 2\n', 'the YAML is invalid: line 2, column 1: this key is already there; keys are unique in a map'],
    [
      'a: 1\n---\nb: 2\n',
      'the YAML is invalid: line 2, column 1: a second document starts here; send one, without ---',
    ],
    ['a:\n\tb: 1\n', 'the YAML is invalid: line 2, column 1: indent with spaces, not with tabs'],
    ['? [a]\n: b\n', 'the YAML is invalid: line 1, column 3: a key must be a text; quote it'],
    [
      'a: !js x\n',
      'the YAML is invalid: line 1, column 4: a text that begins with ! is a tag, and this one cannot be used here; quote it',
    ],
    ['a: "\\x"\n', 'the YAML is invalid: line 1, column 5: a backslash that escapes nothing; write two of them'],
    ['a: "b\n', 'the YAML is invalid: line 2, column 1: Missing closing "quote'],
    ['a: *b\n', 'the YAML cannot be read: Unresolved alias (the anchor must be set before the alias)'],
    ['a: {"b""c"}\n', 'the YAML is invalid: line 1, column 8: Missing , or : between flow map items'],
    ['{a: : b}\n', 'the YAML is invalid: line 1, column 5: Unexpected : in flow map'],
    ['- &a: x\n', 'the YAML is invalid: line 1, column 5: Anchor ending in : is ambiguous'],
    ['a: *x:\n', 'the YAML is invalid: line 1, column 6: Alias ending in : is ambiguous'],
    [
      'a: !!int x\n',
      'the YAML is invalid: line 1, column 4: a text that begins with ! is a tag, and this one cannot be used here; quote it',
    ],
    [
      '%YAML 1.3\n---\na: 1\n',
      'the YAML is invalid: line 1, column 7: a line that begins with % is a directive, and this one cannot be used here; quote it',
    ],
  ])('%j is refused in words', (text, message) => {
    expect(refusal(text)).toMatchObject({ code: 'body.malformed', message });
  });

  it.each([
    ['a key after another', '{"secret" secret: c}\n', 'Missing , or : between flow map items'],
    ['a long key', `[${'secret'.repeat(200)}: 1]\n`, 'The : indicator must be at most 1024 chars'],
    ['what follows a |', 'a: |secret\n  b\n', 'Block scalar header includes extra characters'],
    ['an alias', 'a: *secret\n', 'Unresolved alias'],
  ])('is %s, refused without quoting it', (_, text, message) => {
    expect(refusal(text)?.message).toContain(message);
    expect(JSON.stringify(refusal(text))).not.toContain('secret');
  });

  it('is aliases that multiply', () => {
    const lines = ['a: &a [x, x, x, x, x, x, x, x, x, x]'];
    for (const [name, of] of ['ba', 'cb', 'dc', 'ed']) {
      lines.push(`${name}: &${name} [${Array.from({ length: 10 }, () => `*${of}`).join(', ')}]`);
    }
    expect(refusal(lines.join('\n'))?.message).toContain('Excessive alias count');
  });

  it.each([
    ['lists', '['.repeat(20_000)],
    ['maps', '{ a: '.repeat(20_000)],
    ['items on one line', '- '.repeat(20_000)],
    ['keys on one line', '? '.repeat(20_000)],
    ['indented keys', Array.from({ length: 1_000 }, (_, depth) => `${' '.repeat(depth)}a:`).join('\n')],
  ])('is %s nested beyond reason', (_, text) => {
    expect(refusal(text)?.message).toBe('the YAML is nested too deep; nest at most 64 deep');
  });
});
