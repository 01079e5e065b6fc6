import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import { conditionSchema } from '../../../domain/condition/condition.ts';
import { evaluateCondition } from '../../../domain/condition/evaluate-condition.ts';
import { readCondition } from '../../../domain/condition/rule.ts';
import { inspect, placeOf } from '../../../domain/input/faults.ts';
import { CASES_NOW, CONDITION_CASES } from './condition-cases.ts';
import { factsOf } from './past.ts';

const now = new Date(CASES_NOW);

describe('a condition', () => {
  it.each(CONDITION_CASES)('$name', async ({ condition, customer, event, past, holds }) => {
    const scope = { customer, ...(event && { event }) };
    expect(inspect(conditionSchema, condition)).toEqual({ success: true, data: condition });
    expect((await evaluateCondition(condition, scope, now, factsOf(past))).holds).toBe(holds);
  });
});

describe('a condition read as a tree', () => {
  it('names each test with its keys, operator and operand', () => {
    expect(readCondition({ 'customer.age': { gte: 18, lt: 65 }, not: { 'event.items[0].sku': 'A' } })).toEqual({
      type: 'all',
      rules: [
        { type: 'test', path: 'customer.age', keys: ['customer', 'age'], operator: 'gte', operand: 18 },
        { type: 'test', path: 'customer.age', keys: ['customer', 'age'], operator: 'lt', operand: 65 },
        {
          type: 'not',
          rule: {
            type: 'all',
            rules: [
              {
                type: 'test',
                path: 'event.items[0].sku',
                keys: ['event', 'items', '0', 'sku'],
                operator: 'eq',
                operand: 'A',
              },
            ],
          },
        },
      ],
    });
  });
});

describe('an invalid condition', () => {
  it.each([
    [{}, ': is empty; write at least one test, such as { customer.plan: gold }'],
    ['gold', ': must be an object, not a string'],
    [{ and: [] }, 'and: must not be empty'],
    [{ or: [{}] }, 'or[0]: is empty; write at least one test, such as { customer.plan: gold }'],
    [{ 'customer.age': {} }, "['customer.age']: write at least one operator, such as { eq: 1 }"],
    [{ 'customer.age': { gth: 3 } }, `['customer.age'].gth: unknown key "gth"; did you mean "gt"?`],
    [
      { 'customer.age': { between: [1, 2] } },
      `['customer.age'].between: unknown key "between"; use eq, ne, gt, gte, lt, lte, in, notIn, contains, notContains, startsWith, endsWith, exists, before or after`,
    ],
    [{ 'customer.age': { gt: true } }, "['customer.age'].gt: compare with a number or a string"],
    [{ 'customer.age': { in: 3 } }, "['customer.age'].in: must be a list, not a number"],
    [{ 'customer.age': { in: [] } }, "['customer.age'].in: must not be empty"],
    [{ 'customer.age': { exists: 'yes' } }, "['customer.age'].exists: must be true or false, not a string"],
    [{ 'customer.age': { startsWith: 4 } }, "['customer.age'].startsWith: must be a string, not a number"],
    [
      { 'customer.at': { before: '7 days' } },
      `['customer.at'].before: "7 days" is neither an ISO time such as 2026-03-01T09:00:00Z nor an offset from now such as -7d`,
    ],
    [{ 'customers.plan': 'gold' }, `['customers.plan']: unknown path "customers.plan"; did you mean "customer.plan"?`],
    [{ customer: { plan: 'gold' } }, 'customer: write which field of customer is meant, such as customer.plan'],
    [{ adn: [] }, 'adn: unknown key "adn"; did you mean "and"?'],
    [
      { plan: 'gold' },
      'plan: unknown key "plan"; write and, or, not, segment, performed, converted, now, or a path that starts with customer, event, events, responses or trigger',
    ],
    [
      { 'user.plan': 'gold' },
      `['user.plan']: unknown path "user.plan"; a path starts with customer, event, events, responses or trigger`,
    ],
    [{ segment: 'Gold!' }, 'segment: write an id such as gold: 1 to 63 of a-z, 0-9 and -, not starting with -'],
    [{ segmnt: 'gold' }, 'segmnt: unknown key "segmnt"; did you mean "segment"?'],
    [{ performed: 'bought' }, 'performed: must be an object, not a string'],
    [{ performed: {} }, 'performed.event: is missing; write a string'],
    [{ performed: { event: 'a', wher: {} } }, 'performed.wher: unknown key "wher"; did you mean "where"?'],
    [
      { performed: { event: 'a', where: { 'evnt.x': 1 } } },
      `performed.where['evnt.x']: unknown path "evnt.x"; did you mean "event.x"?`,
    ],
    [
      { performed: { event: 'a', within: '-30d' } },
      'performed.within: counts back from now by itself; write it without a sign, such as 30d',
    ],
    [
      { performed: { event: 'a', within: '30 days' } },
      'performed.within: write a span such as 30d or 1mo (units s m h d w mo y)',
    ],
    [{ performed: { event: 'a', within: '0d' } }, 'performed.within: must be longer than nothing, such as 1d'],
    [{ performed: { event: 'a', count: 3 } }, 'performed.count: write operators, such as { gte: 3 }'],
    [{ performed: { event: 'a', count: {} } }, 'performed.count: write at least one operator, such as { gte: 3 }'],
    [
      { performed: { event: 'a', count: { in: [1] } } },
      'performed.count.in: unknown key "in"; use eq, ne, gt, gte, lt or lte',
    ],
    [{ performed: { event: 'a', count: { gte: -1 } } }, 'performed.count.gte: must be at least 0'],
    [
      { converted: { campaign: 'a', event: 'b' } },
      'converted.event: unknown key "event"; use campaign, within or count',
    ],
    [{ now: {} }, 'now: write days, from or to'],
    [{ now: { days: ['fry'] } }, 'now.days[0]: "fry" is not known; did you mean "fri"?'],
    [{ now: { from: '9:00' } }, 'now.from: write a time of day such as "09:00", from 00:00 to 23:59'],
    [{ now: { from: '09:00', to: '09:00' } }, 'now.to: is when it begins; leave from and to out for whole days'],
    [
      { now: { days: ['fri'], timezone: 'Europe/Pariss' } },
      'now.timezone: is no time zone; did you mean "Europe/Paris"?',
    ],
    [
      { 'customer..plan': 'gold' },
      `['customer..plan']: "customer..plan" is no path; write it as in customer.address.city, customer['first name'] or event.items[0].sku`,
    ],
  ])('%j is refused in words', (condition, fault) => {
    const result = inspect(conditionSchema, condition);
    const faults = result.success ? [] : result.faults.map(({ at, message }) => `${placeOf(at)}: ${message}`);
    expect(faults).toEqual([fault]);
  });

  it('tells all its faults at once', () => {
    const result = inspect(conditionSchema, {
      'custmer.a': 1,
      'customer.b': { gt: null },
      not: { performed: { event: 'x', where: { 'event.c': { q: 1 } } } },
      now: { days: ['x'], from: '1' },
    });
    expect(result.success ? [] : result.faults.map(({ at }) => placeOf(at))).toEqual([
      "not.performed.where['event.c'].q",
      'now.days[0]',
      'now.from',
      "['customer.b'].gt",
      "['custmer.a']",
    ]);
  });

  it('tells of its wrong keys the first hundred', () => {
    const keys = Array.from({ length: 1000 }, (_, index) => `b${index}`);
    const result = inspect(conditionSchema, Object.fromEntries(keys.map((key) => [key, 1])));
    expect(result.success ? [] : result.faults.map(({ at }) => placeOf(at))).toEqual(keys.slice(0, 100));
  });
});

describe('a condition that is too large', () => {
  const wrongKeys = Object.fromEntries(Array.from({ length: 800_000 }, (_, index) => [`b${index}`, {}]));
  const many = <T>(length: number, item: T): T[] => Array.from({ length }, () => item);
  const path = (keys: number) => `customer${'.a'.repeat(keys - 1)}`;
  const tests = 'has more than 1000 tests; compare one path with many values by in, or make segments of its parts';

  it.each([
    ['by its wrong keys', wrongKeys, tests],
    ['by a list', { not: { or: many(1001, { segment: 'gold' }) } }, tests],
    ['by a list of nothing', { and: many(800_000, { and: [] }) }, tests],
    ['by what is no condition', { and: many(800_000, 1) }, tests],
    ['by operators', { and: many(501, { 'customer.age': { gte: 18, lt: 65 } }) }, tests],
    ['by what it asks of events', { performed: { event: 'x', where: { and: many(1000, { 'event.a': 1 }) } } }, tests],
    [
      'by its paths',
      { and: many(157, { [path(64)]: 1 }) },
      'has more than 10000 keys in its paths; shorten them, or make segments of its parts',
    ],
  ])('%s is refused with this one fault', (_, condition, message) => {
    const result = inspect(z.object({ audience: conditionSchema }), { audience: condition });
    expect(result).toEqual({ success: false, faults: [{ at: ['audience'], message }] });
  });

  it('has too many keys in one path', () => {
    expect(inspect(conditionSchema, { [path(64)]: 1 }).success).toBe(true);
    expect(inspect(conditionSchema, { or: [{ [path(65)]: 1 }] })).toEqual({
      success: false,
      faults: [
        {
          at: ['or', 0, path(65)],
          message: `"${path(65).slice(0, 60)}" has 65 keys; a path may have 64, as nothing is nested deeper`,
        },
      ],
    });
  });

  it('may have a thousand values in one test', () => {
    const values = Array.from({ length: 1000 }, (_, index) => index);
    expect(inspect(conditionSchema, { and: many(1000, { 'customer.a': { in: values } }) }).success).toBe(true);
  });
});
