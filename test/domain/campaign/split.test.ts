import { describe, expect, it } from 'vitest';
import { chooseVariant } from '../../../domain/campaign/split.ts';

const split = (id: string, ...percents: number[]) => ({
  type: 'split' as const,
  id,
  variants: percents.map((percent, index) => ({ name: `variant-${index}`, percent, steps: [] })),
});

const people = Array.from({ length: 10_000 }, (_, each) => `person-${each}`);

/** Pearson's statistic: how far what was seen is from what was expected. */
function chiSquare(id: string, percents: number[], ids: string[]): number {
  const seen = percents.map(() => 0);
  for (const person of ids) {
    const taken = chooseVariant(split(id, ...percents), person);
    seen[taken] = (seen[taken] ?? 0) + 1;
  }
  return percents.reduce((sum, percent, index) => {
    const expected = (ids.length * percent) / 100;
    return sum + ((seen[index] ?? 0) - expected) ** 2 / expected;
  }, 0);
}

describe('the variant of a person', () => {
  // Critical values of chi-square for p = 0.001, by degrees of freedom (variants - 1).
  it.each([
    ['halves', [50, 50], 10.83],
    ['a small holdout', [95, 5], 10.83],
    ['three, unequal', [60, 30, 10], 13.82],
    ['ten alike', Array.from({ length: 10 }, () => 10), 27.88],
  ])('is spread over 10,000 ids as the percents say: %s', (_, percents, critical) => {
    for (const id of ['price', 'subject-test', 'a']) {
      expect(chiSquare(id, percents, people)).toBeLessThan(critical);
      expect(
        chiSquare(
          id,
          percents,
          people.map((person) => `${person}@example.com`),
        ),
      ).toBeLessThan(critical);
    }
  });

  it('is the same each time, whatever the paths hold, and where only other shares change at its other end', () => {
    for (const person of people.slice(0, 200)) {
      const first = chooseVariant(split('price', 50, 50), person);
      const refined = { ...split('price', 50, 50), variants: [...split('price', 50, 25, 25).variants] };
      expect(chooseVariant(split('price', 50, 50), person)).toBe(first);
      expect(chooseVariant(refined, person) === 0).toBe(first === 0);
    }
  });

  it('of one split says nothing about that of another', () => {
    const both = people.filter(
      (person) => chooseVariant(split('one', 50, 50), person) === chooseVariant(split('two', 50, 50), person),
    );
    expect(both.length).toBeGreaterThan(4_800);
    expect(both.length).toBeLessThan(5_200);
  });

  it('with 0 percent is never taken', () => {
    expect(new Set(people.map((person) => chooseVariant(split('price', 0, 100, 0), person)))).toEqual(new Set([1]));
  });
});
