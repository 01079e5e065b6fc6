import type { Condition } from '../../../domain/condition/condition.ts';
import { HARD_ROWS } from './hard-cases.ts';
import type { Fields, Past } from './past.ts';
import { PAST_ROWS } from './past-cases.ts';

/** Whether a condition holds for a person with that past, with an event at hand where it says so, at `CASES_NOW`. */
export type ConditionCase = {
  name: string;
  condition: Condition;
  customer: Fields;
  event?: Fields | undefined;
  past?: Past | undefined;
  holds: boolean;
};

export const CASES_NOW = '2026-03-31T12:00:00Z';

const plan = { plan: 'gold', age: 42 };

export type Row = [name: string, Condition, customer: Fields, holds: boolean, event?: Fields, past?: Past];

const ROWS: Row[] = [
  // eq, ne
  ['a value alone means equal', { 'customer.plan': 'gold' }, plan, true],
  ['another value is not equal', { 'customer.plan': 'trial' }, plan, false],
  ['a missing field equals nothing', { 'customer.city': { eq: 'Paris' } }, plan, false],
  ['a missing field is not even null', { 'customer.city': null }, plan, false],
  ['null equals null', { 'customer.city': null }, { city: null }, true],
  ['a numeric string does not equal the number', { 'customer.age': 42 }, { age: '42' }, false],
  ['a number does not equal the numeric string', { 'customer.age': '42' }, { age: 42 }, false],
  ['1.0 equals 1', { 'customer.n': 1 }, { n: 1 }, true],
  ['true does not equal "true"', { 'customer.vip': true }, { vip: 'true' }, false],
  ['true does not equal 1', { 'customer.vip': true }, { vip: 1 }, false],
  ['equality minds case', { 'customer.plan': 'Gold' }, plan, false],
  ['a list equals the same list', { 'customer.tags': ['a', 'b'] }, { tags: ['a', 'b'] }, true],
  ['a list minds the order', { 'customer.tags': ['b', 'a'] }, { tags: ['a', 'b'] }, false],
  ['a list is more than its beginning', { 'customer.tags': ['a'] }, { tags: ['a', 'b'] }, false],
  [
    'an object equals the same keys in any order',
    { 'customer.o': { eq: { a: 1, b: [2] } } },
    { o: { b: [2], a: 1 } },
    true,
  ],
  ['an object is more than some of its keys', { 'customer.o': { eq: { a: 1 } } }, { o: { a: 1, b: 2 } }, false],
  ['an empty list is no empty object', { 'customer.o': { eq: {} } }, { o: [] }, false],
  ['ne holds for another value', { 'customer.plan': { ne: 'trial' } }, plan, true],
  ['ne fails for the same value', { 'customer.plan': { ne: 'gold' } }, plan, false],
  ['ne holds for a missing field', { 'customer.city': { ne: 'Paris' } }, plan, true],
  ['ne null holds for a missing field', { 'customer.city': { ne: null } }, plan, true],

  // gt gte lt lte
  ['43 is greater than 42', { 'customer.age': { gt: 42 } }, { age: 43 }, true],
  ['42 is not greater than 42', { 'customer.age': { gt: 42 } }, plan, false],
  ['42 is at least 42', { 'customer.age': { gte: 42 } }, plan, true],
  ['41.5 is less than 42', { 'customer.age': { lt: 42 } }, { age: 41.5 }, true],
  ['42 is at most 42', { 'customer.age': { lte: 42 } }, plan, true],
  ['43 is not at most 42', { 'customer.age': { lte: 42 } }, { age: 43 }, false],
  ['two operators both have to hold', { 'customer.age': { gte: 18, lt: 42 } }, plan, false],
  ['a numeric string in the field compares to a number', { 'customer.age': { gt: 9 } }, { age: '10' }, true],
  ['a numeric string in the condition compares to a number', { 'customer.age': { gt: '9.5' } }, { age: 10 }, true],
  ['a negative numeric string is a number', { 'customer.n': { lt: 0 } }, { n: '-0.5' }, true],
  ['another text is no number', { 'customer.age': { gt: 9 } }, { age: 'ten' }, false],
  ['an empty text is no number', { 'customer.age': { gte: 0 } }, { age: '' }, false],
  ['a text with a space is no number', { 'customer.age': { gte: 0 } }, { age: ' 1' }, false],
  ['an exponent is no plain number', { 'customer.age': { gte: 0 } }, { age: '1e3' }, false],
  ['true is no number', { 'customer.age': { gte: 0 } }, { age: true }, false],
  ['null is no number', { 'customer.age': { lt: 1 } }, { age: null }, false],
  ['a list is no number', { 'customer.age': { gte: 0 } }, { age: [1] }, false],
  ['a missing field is not less than anything', { 'customer.age': { lt: 1 } }, {}, false],
  ['a missing field is not at least anything', { 'customer.age': { gte: 0 } }, {}, false],
  ['two numeric strings compare as texts', { 'customer.v': { lt: '9' } }, { v: '10' }, true],
  ['upper case sorts before lower case', { 'customer.v': { lt: 'a' } }, { v: 'B' }, true],
  ['é sorts after z, as by code point', { 'customer.v': { gt: 'z' } }, { v: 'é' }, true],
  ['a beginning sorts before the whole', { 'customer.v': { lt: 'abc' } }, { v: 'ab' }, true],
  ['an emoji sorts after U+FFFD, as by code point', { 'customer.v': { gt: '\ufffd' } }, { v: '😀' }, true],

  // in, notIn
  ['in holds for one of the values', { 'customer.plan': { in: ['silver', 'gold'] } }, plan, true],
  ['in fails for another value', { 'customer.plan': { in: ['silver'] } }, plan, false],
  ['in does not coerce', { 'customer.age': { in: ['42'] } }, plan, false],
  ['in compares a list as a whole', { 'customer.tags': { in: ['a'] } }, { tags: ['a'] }, false],
  ['in finds a list among lists', { 'customer.tags': { in: [['a'], ['b']] } }, { tags: ['b'] }, true],
  ['in fails for a missing field, null included', { 'customer.city': { in: [null] } }, plan, false],
  ['notIn holds for another value', { 'customer.plan': { notIn: ['trial'] } }, plan, true],
  ['notIn fails for one of the values', { 'customer.plan': { notIn: ['gold'] } }, plan, false],
  ['notIn holds for a missing field', { 'customer.city': { notIn: ['Paris'] } }, plan, true],

  // contains, notContains
  ['a text contains a part', { 'customer.mail': { contains: '@example' } }, { mail: 'a@example.com' }, true],
  ['a text minds case', { 'customer.mail': { contains: '@Example' } }, { mail: 'a@example.com' }, false],
  ['a per cent sign is only itself', { 'customer.v': { contains: '5%' } }, { v: '50 off' }, false],
  ['an underscore is only itself', { 'customer.v': { contains: 'a_c' } }, { v: 'abc' }, false],
  ['a backslash is only itself', { 'customer.v': { contains: 'a\\b' } }, { v: 'a\\b' }, true],
  ['a list contains an item', { 'customer.tags': { contains: 'b' } }, { tags: ['a', 'b'] }, true],
  ['a list does not contain a part of an item', { 'customer.tags': { contains: 'b' } }, { tags: ['abc'] }, false],
  ['a list of numbers does not contain the text', { 'customer.tags': { contains: '1' } }, { tags: [1] }, false],
  ['a list contains an equal object', { 'customer.l': { contains: { a: 1 } } }, { l: [{ a: 1 }] }, true],
  [
    'a list does not contain a part of an object',
    { 'customer.l': { contains: { a: 1 } } },
    { l: [{ a: 1, b: 2 }] },
    false,
  ],
  ['a number contains nothing', { 'customer.age': { contains: '4' } }, plan, false],
  ['a missing field contains nothing', { 'customer.city': { contains: '' } }, plan, false],
  ['notContains holds for a text without the part', { 'customer.plan': { notContains: 'x' } }, plan, true],
  ['notContains fails for a list with the item', { 'customer.tags': { notContains: 'a' } }, { tags: ['a'] }, false],
  ['notContains holds for a missing field', { 'customer.city': { notContains: 'x' } }, plan, true],
  ['notContains holds for a number', { 'customer.age': { notContains: '4' } }, plan, true],

  // startsWith, endsWith
  ['a text starts with its beginning', { 'customer.plan': { startsWith: 'go' } }, plan, true],
  ['a text does not start with its middle', { 'customer.plan': { startsWith: 'ol' } }, plan, false],
  ['a wildcard at the start is only itself', { 'customer.plan': { startsWith: '%' } }, plan, false],
  ['a text ends with its end', { 'customer.plan': { endsWith: 'ld' } }, plan, true],
  ['a text does not end with its beginning', { 'customer.plan': { endsWith: 'go' } }, plan, false],
  ['a number starts with nothing', { 'customer.age': { startsWith: '4' } }, plan, false],
  ['a missing field starts with nothing', { 'customer.city': { startsWith: '' } }, plan, false],

  // exists
  ['a field that is there exists', { 'customer.plan': { exists: true } }, plan, true],
  ['null exists', { 'customer.city': { exists: true } }, { city: null }, true],
  ['a missing field does not exist', { 'customer.city': { exists: true } }, plan, false],
  ['exists false holds for a missing field', { 'customer.city': { exists: false } }, plan, true],
  ['exists false fails for an empty text', { 'customer.city': { exists: false } }, { city: '' }, false],
  ['a field under a text does not exist', { 'customer.plan.name': { exists: false } }, plan, true],

  // before, after
  [
    'a time is before a later one',
    { 'customer.at': { before: '2026-01-02T00:00:00Z' } },
    { at: '2026-01-01T23:59:59.999Z' },
    true,
  ],
  ['a time is not before itself', { 'customer.at': { before: '2026-01-02' } }, { at: '2026-01-02T00:00:00Z' }, false],
  ['a time is not after itself', { 'customer.at': { after: '2026-01-02' } }, { at: '2026-01-02T00:00:00Z' }, false],
  [
    'offsets from UTC are heeded',
    { 'customer.at': { before: '2026-01-01T23:30:00Z' } },
    { at: '2026-01-02T00:00:00+01:00' },
    true,
  ],
  ['a date is its midnight in UTC', { 'customer.at': { after: '2026-01-01T23:59:59Z' } }, { at: '2026-01-02' }, true],
  ['six days ago is after a week ago', { 'customer.at': { after: '-7d' } }, { at: '2026-03-25T12:00:00Z' }, true],
  [
    'eight days ago is not after a week ago',
    { 'customer.at': { after: '-7d' } },
    { at: '2026-03-23T12:00:00Z' },
    false,
  ],
  ['tomorrow is before two days from now', { 'customer.at': { before: '2d' } }, { at: '2026-04-01T12:00:00Z' }, true],
  [
    'a month before 31 March is 28 February',
    { 'customer.at': { after: '-1mo' } },
    { at: '2026-02-28T12:00:00.001Z' },
    true,
  ],
  ['and not a moment earlier', { 'customer.at': { after: '-1mo' } }, { at: '2026-02-28T12:00:00Z' }, false],
  ['a year is a calendar year', { 'customer.at': { before: '-2y' } }, { at: '2024-03-31T11:59:59Z' }, true],
  ['a number is no time', { 'customer.at': { before: '2026-01-02' } }, { at: 0 }, false],
  ['another text is no time', { 'customer.at': { after: '2000-01-01' } }, { at: 'yesterday' }, false],
  ['30 February is no time', { 'customer.at': { after: '2000-01-01' } }, { at: '2026-02-30' }, false],
  ['a missing field is not before anything', { 'customer.at': { before: '2100-01-01' } }, {}, false],

  // paths
  ['a nested field is read', { 'customer.address.city': 'Paris' }, { address: { city: 'Paris' } }, true],
  ['a name with a space is read', { "customer['first name']": 'Ada' }, { 'first name': 'Ada' }, true],
  ['a name with a dot is one name', { "customer['a.b']": 1 }, { 'a.b': 1, a: { b: 2 } }, true],
  ['an item of a list is read', { 'event.items[1].sku': 'B' }, {}, true, { items: [{ sku: 'A' }, { sku: 'B' }] }],
  ['an item beyond the list is missing', { 'event.items[2]': { exists: false } }, {}, true, { items: [1, 2] }],
  ['the length of a list is no field', { 'event.items.length': { exists: false } }, {}, true, { items: [1] }],
  ['what every object inherits is no field', { 'customer.constructor': { exists: false } }, {}, true],
  ['the event is not the person', { 'event.plan': 'gold' }, plan, false, { plan: 'trial' }],

  // and, or, not
  ['several keys all have to hold', { 'customer.plan': 'gold', 'customer.age': 1 }, plan, false],
  ['and holds if all do', { and: [{ 'customer.plan': 'gold' }, { 'customer.age': 42 }] }, plan, true],
  ['or holds if one does', { or: [{ 'customer.plan': 'trial' }, { 'customer.age': 42 }] }, plan, true],
  ['or fails if none does', { or: [{ 'customer.plan': 'trial' }, { 'customer.age': 1 }] }, plan, false],
  ['not turns it round', { not: { 'customer.plan': 'gold' } }, plan, false],
  ['not of several keys holds if one fails', { not: { 'customer.plan': 'gold', 'customer.age': 1 } }, plan, true],
  ['not of a missing field holds', { not: { 'customer.city': 'Paris' } }, plan, true],
  ['a path beside or has to hold too', { 'customer.age': 1, or: [{ 'customer.plan': 'gold' }] }, plan, false],
];

/** The meaning of conditions, for every implementation of it. */
export const CONDITION_CASES: ConditionCase[] = [...ROWS, ...HARD_ROWS, ...PAST_ROWS].map(
  ([name, condition, customer, holds, event, past]) => ({ name, condition, customer, holds, event, past }),
);
