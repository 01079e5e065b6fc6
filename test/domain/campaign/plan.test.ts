import { expect, it } from 'vitest';
import { validateCampaign } from '../../../domain/campaign/campaign.ts';
import { compilePlan } from '../../../domain/campaign/plan.ts';

const planOf = (fields: object) =>
  compilePlan(validateCampaign({ id: 'a', trigger: { type: 'manual' }, ...fields }).campaign);

it('a plan holds the kinds, ids and timeouts of the steps, and nothing else', () => {
  const plan = planOf({
    steps: [
      { type: 'delay', for: '1h' },
      { type: 'webhook', id: 'send', url: 'https://example.com', timeout: '1m' },
      {
        type: 'branch',
        cases: [
          { when: { 'customer.a': 1 }, steps: [{ type: 'update', attributes: { a: '2' } }] },
          { when: { 'customer.a': 2 }, steps: [] },
        ],
      },
      { type: 'exit', id: 'end', reason: 'done' },
    ],
  });
  expect(plan).toEqual({
    steps: [
      { type: 'delay', id: 'step-1' },
      { type: 'webhook', id: 'send', timeoutMs: 60_000 },
      { type: 'branch', id: 'step-3', cases: [[{ type: 'update', id: 'step-3-case-1-step-1' }], []], otherwise: [] },
      { type: 'exit', id: 'end' },
    ],
  });
});

it('a webhook has four seconds, or what the campaign gives to each', () => {
  const steps = [{ type: 'webhook', id: 'send', url: 'https://example.com' }];
  expect(planOf({ steps }).steps).toEqual([{ type: 'webhook', id: 'send', timeoutMs: 4_000 }]);
  expect(planOf({ steps, defaults: { timeout: '10s' } }).steps).toEqual([
    { type: 'webhook', id: 'send', timeoutMs: 10_000 },
  ]);
});
