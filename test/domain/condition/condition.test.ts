import { describe, expect, it } from 'vitest';
import { conditionSchema } from '../../../domain/condition/condition.ts';
import { evaluateCondition } from '../../../domain/condition/evaluate-condition.ts';
import { NO_FACTS } from '../../../domain/condition/facts.ts';
import { conditionPaths } from '../../../domain/condition/needs.ts';
import { readCondition } from '../../../domain/condition/rule.ts';
import { inspect, placeOf } from '../../../domain/input/faults.ts';
import { CASES_NOW, CONDITION_CASES } from './condition-cases.ts';

const now = new Date(CASES_NOW);

describe('a condition', () => {
  it.each(CONDITION_CASES)('$name', async ({ condition, customer, event, holds }) => {
    const scope = { customer, ...(event && { event }) };
    expect(inspect(conditionSchema, condition)).toEqual({ success: true, data: condition });
    expect((await evaluateCondition(condition, scope, now, NO_FACTS)).holds).toBe(holds);
  });
});

describe('the values that decided', () => {
  const scope = { customer: { plan: 'gold', age: 17, city: 'Paris' }, event: { status: 'new' } };
  const valuesOf = (condition: Parameters<typeof evaluateCondition>[0]) =>
    evaluateCondition(condition, scope, now, NO_FACTS);

  it('are all of them where all had to hold and did', async () => {
    expect(await valuesOf({ 'customer.plan': 'gold', 'event.status': { ne: 'old' } })).toEqual({
      holds: true,
      values: { 'customer.plan': 'gold', 'event.status': 'new' },
    });
  });

  it('are those of the test that failed', async () => {
    expect(await valuesOf({ 'customer.plan': 'gold', 'customer.age': { gte: 18 }, 'customer.city': 'Rome' })).toEqual({
      holds: false,
      values: { 'customer.age': 17 },
    });
  });

  it('are those of the alternative that held', async () => {
    expect(await valuesOf({ or: [{ 'customer.plan': 'trial' }, { 'customer.age': 17 }] })).toEqual({
      holds: true,
      values: { 'customer.age': 17 },
    });
  });

  it('are those of every alternative where none held', async () => {
    expect(await valuesOf({ or: [{ 'customer.plan': 'trial' }, { 'customer.age': 1 }] })).toEqual({
      holds: false,
      values: { 'customer.plan': 'gold', 'customer.age': 17 },
    });
  });

  it('leave out what was missing', async () => {
    expect(await valuesOf({ not: { 'customer.country': 'FR' } })).toEqual({ holds: true, values: {} });
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

  it('tells its paths, each once', () => {
    expect(conditionPaths({ or: [{ 'event.a': 1 }, { and: [{ 'event.a': 2, 'responses.lookup.id': 3 }] }] })).toEqual([
      'event.a',
      'responses.lookup.id',
    ]);
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
      not: { 'event.c': { q: 1 } },
    });
    expect(result.success ? [] : result.faults.map(({ at }) => placeOf(at))).toEqual([
      "not['event.c'].q",
      "['customer.b'].gt",
      "['custmer.a']",
    ]);
  });
});
