import { describe, expect, it } from 'vitest';
import type { Condition } from '../../../domain/condition/condition.ts';
import {
  conditionPaths,
  isTimed,
  namedAttributes,
  namedCampaigns,
  namedEvents,
  namedSegments,
  readsPersonZone,
} from '../../../domain/condition/needs.ts';
import { readCondition } from '../../../domain/condition/rule.ts';

const manifold: Condition = {
  or: [
    { segment: 'gold', 'customer.address.city': 'Paris' },
    { not: { converted: { campaign: 'win-back' } } },
    {
      performed: {
        event: 'bought',
        where: {
          'event.total': { gt: 1 },
          'customer.plan': 'gold',
          'responses.crm.id': 7,
          segment: 'silver',
          performed: { event: 'opened' },
        },
      },
    },
    { 'customer.id': 'ada', 'event.total': 1, "customer['first name']": 'Ada' },
    { segment: 'gold' },
  ],
};

describe('what a condition needs', () => {
  const rule = readCondition(manifold);

  it('are its paths, each once, but not those of events that it counts', () => {
    expect(conditionPaths({ or: [{ 'event.a': 1 }, { and: [{ 'event.a': 2, 'responses.lookup.id': 3 }] }] })).toEqual([
      'event.a',
      'responses.lookup.id',
    ]);
    expect(conditionPaths(manifold)).toEqual([
      'customer.address.city',
      'customer.plan',
      'responses.crm.id',
      'customer.id',
      'event.total',
      "customer['first name']",
    ]);
  });

  it('are attributes, segments, events and campaigns, each once, at any depth', () => {
    expect(namedAttributes(rule)).toEqual(new Set(['address', 'plan', 'first name']));
    expect(namedSegments(rule)).toEqual(new Set(['gold', 'silver']));
    expect(namedEvents(rule)).toEqual(new Set(['bought', 'opened']));
    expect(namedCampaigns(rule)).toEqual(new Set(['win-back']));
  });

  it("is the person's zone where the clock is theirs", () => {
    const mine = readCondition({ not: { now: { days: ['mon'], timezone: 'person' } } });
    expect(namedAttributes(mine)).toEqual(new Set(['timezone']));
    expect(readsPersonZone(mine)).toBe(true);
    expect(readsPersonZone(rule)).toBe(false);
  });
});

describe('time alone', () => {
  it.each<[Condition, boolean]>([
    [manifold, false],
    [{ 'customer.at': { before: '2026-01-01' } }, false],
    [{ 'customer.at': { before: '-7d' } }, true],
    [{ not: { or: [{ 'event.at': { after: '1y' } }] } }, true],
    [{ 'customer.at': '-7d' }, false],
    [{ now: { days: ['mon'] } }, true],
    [{ performed: { event: 'a' } }, false],
    [{ performed: { event: 'a', within: '1d' } }, true],
    [{ performed: { event: 'a', where: { 'event.at': { after: '-1d' } } } }, true],
    [{ converted: { campaign: 'a', within: '1d' } }, true],
    [{ segment: 'gold' }, false],
  ])('may change what %j comes to: %j', (condition, timed) => {
    expect(isTimed(readCondition(condition))).toBe(timed);
  });
});
