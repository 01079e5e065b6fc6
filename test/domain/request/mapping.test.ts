import { describe, expect, it } from 'vitest';
import type { Json } from '../../../domain/json.ts';
import { compileMapping, evaluateMapping } from '../../../domain/request/mapping.ts';
import { buildScope } from '../../../domain/scope.ts';

function evaluate(attributes: Record<string, string>, response?: Json, person: Record<string, Json> = {}) {
  const scope = buildScope({
    person: { id: 'p1', attributes: person },
    secrets: { key: 's3cret-value' },
    now: '2026-03-01T09:00:00Z',
  });
  const http = { status: 201, headers: { 'x-id': 'h1' } };
  return evaluateMapping(compileMapping(attributes), response === undefined ? scope : { ...scope, response, http });
}

describe('a response mapping', () => {
  it.each<[string, string, Json, Json]>([
    ['a number', '{{ response.id }}', { id: 7 }, 7],
    ['text', '{{ response.id }}', { id: '7' }, '7'],
    ['a list', '{{ response.tags }}', { tags: ['a', 1] }, ['a', 1]],
    ['an object', '{{ response }}', { a: { b: false } }, { a: { b: false } }],
    ['a part of a list', '{{ response[0].id }}', [{ id: 1 }], 1],
    ['the text of an answer that is no JSON', '{{ response | strip }}', ' ok\n', 'ok'],
    ['the status', '{{ http.status }}', {}, 201],
    ['a header', "{{ http.headers['x-id'] }}", {}, 'h1'],
    ['printed text', 'lead-{{ response.id }}', { id: 7 }, 'lead-7'],
    ['null, which removes', '{{ response.id }}', { id: null }, null],
    ['a sum', '{{ customer.lifetime_value | default: 0 | plus: response.amount }}', { amount: 5 }, 15],
  ])('sets %s', (_, template, response, value) => {
    expect(evaluate({ a: template }, response, { lifetime_value: 10 })).toEqual({
      changes: { a: value },
      absent: [],
      unanswered: [],
    });
  });

  it.each<[string, string, Json]>([
    ['a field that is not there', '{{ response.id }}', {}],
    ['a field of null', '{{ response.lead.id }}', { lead: null }],
    ['a field of an answer that is null', '{{ response.id }}', null],
    ['a field of text', '{{ response.id }}', 'created'],
    ['a field of a list', '{{ response.id }}', [1]],
    ['one of two', '{{ response.a }}-{{ response.b }}', { a: 1 }],
    ['an operand', '{{ customer.lifetime_value | default: 0 | plus: response.amount }}', {}],
    ["a secret, which isn't there to be read", '{{ secrets.key }}', {}],
  ])('leaves the attribute for %s, and notes it', (_, template, response) => {
    const unanswered = template.includes('response') ? ['a'] : [];
    expect(evaluate({ a: template, b: 'x' }, response)).toEqual({ changes: { b: 'x' }, absent: ['a'], unanswered });
  });

  it.each<[string, string, Json, string]>([
    ['a template that fails', '{{ response.id | append }}', { id: 1 }, 'a: line 1, column 1: append'],
    ['an integer beyond 2^53', '{{ response.id }}', { id: 2 ** 60 }, 'beyond 2^53'],
    ['infinity', '{{ response.id }}', JSON.parse('{"id":1e999}') as Json, 'no finite number'],
    ['NUL', '{{ response.id }}', { id: 'a\0b' }, 'NUL'],
    ['half a character', '{{ response }}', { id: '\ud800' }, 'half a character'],
    ['a secret', 'x {{ response.echo }}', { echo: 'key=s3cret-value' }, 'holds a secret'],
    [
      'a secret in base64',
      '{{ response.echo }}',
      { echo: Buffer.from('ann:s3cret-value').toString('base64') },
      'holds a secret',
    ],
    ['200 levels', '{{ response }}', JSON.parse(`${'['.repeat(200)}${']'.repeat(200)}`) as Json, 'nested more than 64'],
  ])('refuses %s, naming the attribute', (_, template, response, message) => {
    expect(() => evaluate({ a: template, b: 'x' }, response)).toThrowError(
      expect.objectContaining({ code: 'mapping.failed', message: expect.stringMatching(/^a: /) }),
    );
    expect(() => evaluate({ a: template }, response)).toThrowError(message);
  });

  it('refuses values of more than 64 KiB together', () => {
    const response = { text: 'x'.repeat(40_000) };
    expect(() => evaluate({ a: '{{ response.text }}', b: '{{ response.text }}' }, response)).toThrowError(
      expect.objectContaining({ code: 'mapping.too_large' }),
    );
  });

  it('pollutes no prototype', () => {
    const response = JSON.parse('{"__proto__":{"admin":true},"in":[{"__proto__":1,"a":2}],"constructor":"x"}') as Json;
    const { changes } = evaluate({ a: '{{ response }}', ['__proto__']: 'x' }, response);
    expect(JSON.stringify(changes)).toBe('{"a":{"in":[{"a":2}],"constructor":"x"}}');
    expect(Object.hasOwn({}, 'admin')).toBe(false);
  });
});

it('updates without an answer: a missing single value leaves the attribute, text may have a gap', () => {
  const attributes = {
    full: '{{ customer.first }} {{ customer.last }}',
    age: '{{ customer.age | plus: 1 }}',
    copy: '{{ customer.nick }}',
    gone: '{{ nil }}',
  };
  expect(evaluate(attributes, undefined, { first: 'Ann', age: 33 })).toEqual({
    changes: { full: 'Ann ', age: 34, gone: null },
    absent: ['copy'],
    unanswered: [],
  });
});
