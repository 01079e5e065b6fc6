import { describe, expect, it } from 'vitest';
import type { Condition } from '../../../domain/condition/condition.ts';
import { evaluateCondition, type Facts } from '../../../domain/condition/evaluate-condition.ts';
import { NO_FACTS, withEvents } from '../../../domain/condition/facts.ts';
import { CASES_NOW } from './condition-cases.ts';

const now = new Date(CASES_NOW);

/** Somebody who bought twice and did nothing else, and the list of what is asked about them. */
const facts = (questions: string[]): Facts => ({
  async inSegment(segment) {
    questions.push(segment);
    return false;
  },
  async countEvents({ event }) {
    questions.push(event);
    return event === 'bought' ? 2 : 0;
  },
  async countConversions({ campaign }) {
    questions.push(campaign);
    return 0;
  },
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

  it('are what was asked of the past and the clock, in words', async () => {
    const condition: Condition = {
      performed: { event: 'bought', where: { 'event.total': { gt: 1 } }, within: '1y', count: { lt: 3 } },
      converted: { campaign: 'win-back', count: { eq: 0 } },
      not: { segment: 'gold' },
      now: { days: ['tue'], timezone: 'Europe/Paris' },
    };
    expect(await evaluateCondition(condition, scope, now, facts([]))).toEqual({
      holds: true,
      values: {
        now: 'tue 14:00 Europe/Paris',
        'performed bought where {"event.total":{"gt":1}} within 1y': 2,
        'converted win-back': 0,
        'segment gold': false,
      },
    });
  });
});

describe('facts', () => {
  const scope = { customer: { plan: 'gold' } };
  const asked = async (condition: Condition) => {
    const questions: string[] = [];
    await evaluateCondition(condition, scope, now, facts(questions));
    return questions;
  };
  const bought: Condition = { performed: { event: 'bought' } };

  it('are asked in the order written, while they may still decide', async () => {
    expect(await asked({ and: [bought, { segment: 'gold' }, { converted: { campaign: 'win-back' } }] })).toEqual([
      'bought',
      'gold',
    ]);
    expect(await asked({ or: [{ segment: 'gold' }, bought, { segment: 'silver' }] })).toEqual(['gold', 'bought']);
  });

  it('are not asked where the data decides', async () => {
    expect(await asked({ segment: 'gold', 'customer.plan': 'trial' })).toEqual([]);
    expect(await asked({ segment: 'gold', not: { segment: 'silver' }, 'customer.plan': 'trial' })).toEqual([]);
    expect(await asked({ or: [{ 'customer.plan': 'gold' }, bought] })).toEqual([]);
  });
});

describe('facts with events beside those that they count', () => {
  const opened = { name: 'opened', data: {}, timestamp: now };
  const opens = (where?: Condition, gte = 1): Condition => ({ performed: { event: 'opened', where, count: { gte } } });

  it('decide once what is asked inside of a question, however many events there are', async () => {
    const all = withEvents(NO_FACTS, Array<typeof opened>(1000).fill(opened));
    const nested = opens(opens(opens(opens(), 1000), 1000), 1000);
    expect((await evaluateCondition(nested, {}, now, all)).holds).toBe(true);
    expect((await evaluateCondition(opens(opens(opens(opens(), 1001))), {}, now, all)).holds).toBe(false);
  });

  it('count an event of either kind by what was done of both', async () => {
    const stored = withEvents(NO_FACTS, [{ ...opened, name: 'bought' }]);
    const condition: Condition = { performed: { event: 'bought', where: opens() } };
    expect((await evaluateCondition(condition, {}, now, stored)).holds).toBe(false);
    expect((await evaluateCondition(condition, {}, now, withEvents(stored, [opened]))).holds).toBe(true);
  });
});
