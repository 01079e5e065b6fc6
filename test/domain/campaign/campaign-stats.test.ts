import { expect, it } from 'vitest';
import { campaignStats } from '../../../domain/campaign/campaign-stats.ts';
import { validateCampaign } from '../../../domain/campaign/campaign.ts';

const version = (...steps: object[]) => validateCampaign({ id: 'x', trigger: { type: 'manual' }, steps }).campaign;
const tell = (id: string) => ({ type: 'webhook', id, url: 'https://example.com/' });
const split = (...names: string[]) => ({
  type: 'split',
  id: 'price',
  variants: names.map((name) => ({ name, percent: 100 / names.length, steps: [tell(`tell-${name}`)] })),
});

const NOTHING = {
  outcomes: [],
  journeys: { active: 0, completed: 0, exited: 0 },
  reached: [],
  deliveries: [],
  conversions: [],
  choices: [],
};

it('has each step of the newest version in order, and behind them those that only older ones had', () => {
  const { steps, splits } = campaignStats(
    [version(split('low', 'high'), tell('last')), version(tell('last'), split('high', 'middle'), tell('gone'))],
    {
      ...NOTHING,
      reached: [
        { step: 'last', number: 7 },
        { step: 'gone', number: 2 },
      ],
      deliveries: [
        { step: 'last', state: 'failed', number: 1 },
        { step: 'last', state: 'sent', number: 5 },
      ],
    },
  );
  expect(steps.map(({ id }) => id)).toEqual(['price', 'tell-low', 'tell-high', 'last', 'tell-middle', 'gone']);
  expect(steps[3]).toEqual({
    id: 'last',
    type: 'webhook',
    people: 7,
    deliveries: { failed: 1, sent: 5 },
    conversions: 0,
  });
  expect(splits.map(({ id, variants }) => [id, variants.map(({ name }) => name)])).toEqual([
    ['price', ['low', 'high', 'middle']],
  ]);
});

it('counts entries apart from refusals, and conversions by step and variant, also those that no step is credited with', () => {
  const stats = campaignStats([version(split('low', 'high'))], {
    outcomes: [
      { outcome: 'entered', number: 20 },
      { outcome: 'frequency', number: 3 },
      { outcome: 'whereFalse', number: 1 },
    ],
    journeys: { active: 4, completed: 14, exited: 2 },
    reached: [],
    deliveries: [],
    conversions: [
      { step: null, number: 2 },
      { step: 'tell-low', number: 5 },
    ],
    choices: [{ split: 'price', variant: 'low', entries: 20, conversions: 7 }],
  });
  expect(stats).toMatchObject({
    entries: 20,
    refused: { frequency: 3, whereFalse: 1 },
    active: 4,
    completed: 14,
    exited: 2,
    conversions: 7,
  });
  expect(stats.steps.map(({ id, conversions }) => [id, conversions])).toEqual([
    ['price', 0],
    ['tell-low', 5],
    ['tell-high', 0],
  ]);
  expect(stats.splits[0]?.variants).toEqual([
    {
      name: 'low',
      entries: 20,
      conversions: 7,
      rate: 0.35,
      interval: [expect.closeTo(0.1812, 4), expect.closeTo(0.5671, 4)],
    },
    { name: 'high', entries: 0, conversions: 0, rate: null, interval: null },
  ]);
});
