import { describe, expect, it } from 'vitest';
import { findStep } from '../../domain/campaign/campaign.ts';
import { evaluateCondition } from '../../domain/condition/evaluate-condition.ts';
import { NO_FACTS } from '../../domain/condition/facts.ts';
import type { Json } from '../../domain/json.ts';
import { compileMapping, evaluateMapping } from '../../domain/request/mapping.ts';
import { readExample, scopeFor } from './recipe.ts';

type Fields = Record<string, Json>;

/** What the `update` step or the response mapping of that id sets; the answer is one of the request bin. */
async function changes(name: string, id: string, person: Fields, response: Json = null) {
  const { campaign } = await readExample(name);
  const step = findStep(campaign, id);
  const attributes = step?.type === 'update' ? step.attributes : step?.type === 'webhook' && step.response?.attributes;
  if (!attributes) throw new Error(`${name} has no mapping ${id}`);
  const scope = { ...scopeFor(campaign, { person }), response, http: { status: 200, headers: {} } };
  const { changes, absent } = evaluateMapping(compileMapping(attributes), scope);
  return { changes, absent };
}

describe('lifetime-value', () => {
  const answer = (amount: Json) => ({ id: '9c1f', method: 'POST', body: { amount, product: 'Tea' } });

  it.each<[string, Fields, Json, Fields]>([
    ['begins at 0', {}, 12.5, { lifetime_value: 12.5 }],
    ['adds to what is there', { lifetime_value: 100 }, 12.5, { lifetime_value: 112.5 }],
    ['reads numbers in texts', { lifetime_value: '100.25' }, '0.5', { lifetime_value: 100.75 }],
    ['takes a refund off', { lifetime_value: 10 }, -4, { lifetime_value: 6 }],
  ])('%s', async (_, person, amount, set) => {
    expect(await changes('lifetime-value', 'record-purchase', person, answer(amount))).toEqual({
      changes: set,
      absent: [],
    });
  });

  it('stays as it was where the answer has no amount', async () => {
    expect(await changes('lifetime-value', 'record-purchase', { lifetime_value: 10 }, { body: {} })).toEqual({
      changes: {},
      absent: ['lifetime_value'],
    });
  });

  it.each<Json>(['a "lot"\n😀', { much: 1 }, null])('counts the amount %j as 0, as Liquid does', async (amount) => {
    expect(await changes('lifetime-value', 'record-purchase', { lifetime_value: 10 }, answer(amount))).toEqual({
      changes: { lifetime_value: 10 },
      absent: [],
    });
  });
});

describe('nps-survey', () => {
  it.each<[Fields, number]>([
    [{}, 1],
    [{ purchases: 2 }, 3],
    [{ purchases: '2' }, 3],
  ])('counts a purchase of a person with %j', async (person, purchases) => {
    expect(await changes('nps-survey', 'count', person)).toEqual({ changes: { purchases }, absent: [] });
  });

  it('notes when it asked', async () => {
    expect(await changes('nps-survey', 'asked', {})).toEqual({
      changes: { nps_asked_at: '2026-11-22T23:30:00.000Z' },
      absent: [],
    });
  });

  it.each<[Fields, boolean]>([
    [{ purchases: 2 }, false],
    [{ purchases: 3 }, true],
    [{ purchases: 4 }, true],
    [{ purchases: 4, nps_asked_at: '2026-11-01T09:00:00.000Z' }, false],
    [{}, false],
  ])('after the count, a person with %j is asked: %j', async (person, asked) => {
    const { campaign } = await readExample('nps-survey');
    const branch = findStep(campaign, 'third-purchase');
    const when = branch?.type === 'branch' ? branch.cases[0]?.when : undefined;
    const judged =
      when &&
      (await evaluateCondition(when, scopeFor(campaign, { person }), new Date('2026-11-22T23:30:00Z'), NO_FACTS));
    expect(judged?.holds).toBe(asked);
  });
});

describe('help-scout-conversation', () => {
  it.each<[Fields, boolean]>([
    [{ NPS_rating: 0 }, true],
    [{ NPS_rating: '6' }, true],
    [{ NPS_rating: 7 }, false],
    [{}, false],
  ])('is for a person with %j: %j', async (person, holds) => {
    const { campaign } = await readExample('help-scout-conversation');
    const scope = scopeFor(campaign, { person });
    const judged = await evaluateCondition(campaign.audience ?? {}, scope, new Date('2026-11-22T23:30:00Z'), NO_FACTS);
    expect(judged.holds).toBe(holds);
  });
});
