import { expect, it } from 'vitest';
import { wilsonInterval } from '../../../domain/campaign/wilson-interval.ts';

// R. G. Newcombe, Statistics in Medicine 17 (1998), table I, method 3.
it.each([
  [81, 263, 0.2553, 0.3662],
  [15, 148, 0.0624, 0.1605],
  [0, 20, 0, 0.1611],
  [1, 29, 0.0061, 0.1718],
])('%i of %i lie between %f and %f', (successes, total, low, high) => {
  const interval = wilsonInterval(successes, total);
  expect(interval?.[0]).toBeCloseTo(low, 4);
  expect(interval?.[1]).toBeCloseTo(high, 4);
});

it('is the mirror image for those who failed', () => {
  const [low = NaN, high = NaN] = wilsonInterval(3, 17) ?? [];
  const [from = NaN, to = NaN] = wilsonInterval(14, 17) ?? [];
  expect(1 - to).toBeCloseTo(low, 12);
  expect(1 - from).toBeCloseTo(high, 12);
});

it('never leaves 0 to 1, and knows nothing of nobody', () => {
  expect(wilsonInterval(5, 5)?.[1]).toBe(1);
  expect(wilsonInterval(0, 5)?.[0]).toBe(0);
  expect(wilsonInterval(0, 0)).toBeNull();
});
