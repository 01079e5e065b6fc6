import { describe, expect, it } from 'vitest';
import { parsePath, readPath } from '../../../domain/condition/path.ts';

describe('a path', () => {
  it.each([
    ['customer', ['customer']],
    ['customer.address.city', ['customer', 'address', 'city']],
    ["customer['first name']", ['customer', 'first name']],
    ['customer["it\'s"].x', ['customer', "it's", 'x']],
    ['event.items[0].sku', ['event', 'items', '0', 'sku']],
    ['event.items.0', ['event', 'items', '0']],
    ['responses.create-lead.id', ['responses', 'create-lead', 'id']],
    ['customer.prénom', ['customer', 'prénom']],
    ['customer.vip?', ['customer', 'vip?']],
    ["customer['']", ['customer', '']],
  ])('%s has the keys %j', (text, keys) => {
    expect(parsePath(text)).toEqual(keys);
  });

  it.each([
    '',
    '.a',
    'a.',
    'a..b',
    'a b',
    'a[b]',
    'a[-1]',
    'a[01]',
    "a['b",
    "a['b'",
    'a[0',
    '0a',
    'a.b | upcase',
    '{{ a }}',
  ])('"%s" is refused', (text) => {
    expect(() => parsePath(text)).toThrow(
      `"${text}" is no path; write it as in customer.address.city, customer['first name'] or event.items[0].sku`,
    );
  });

  it('finds own properties and numbered items', () => {
    const scope = { event: { items: [{ sku: 'A' }], none: null, '0': 'zero' } };
    expect(readPath('event.items[0].sku', scope)).toEqual({ found: true, value: 'A' });
    expect(readPath('event.none', scope)).toEqual({ found: true, value: null });
    expect(readPath('event[0]', scope)).toEqual({ found: true, value: 'zero' });
  });

  it.each([
    'event.items[1]',
    'event.items.length',
    'event.items.first',
    'event.none.x',
    'event.toString',
    'event.__proto__',
    'other.x',
  ])('finds nothing at %s', (path) => {
    expect(readPath(path, { event: { items: ['A'], none: null } })).toEqual({ found: false });
  });
});
