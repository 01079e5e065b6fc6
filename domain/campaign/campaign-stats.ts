import { allSteps, type Campaign } from './campaign.ts';
import type { StepType } from './steps.ts';
import { wilsonInterval } from './wilson-interval.ts';

type Counted = { number: number };

/** What was counted of a campaign, over all its versions. */
export type CampaignCounts = {
  /** Each entry that was considered. */
  outcomes: ({ outcome: string } & Counted)[];
  journeys: { active: number; completed: number; exited: number };
  /** Journeys that have come to each step. */
  reached: ({ step: string } & Counted)[];
  deliveries: ({ step: string | null; state: string } & Counted)[];
  /** By the step that is credited. */
  conversions: ({ step: string | null } & Counted)[];
  choices: { split: string; variant: string; entries: number; conversions: number }[];
};

type StepStats = {
  id: string;
  type: StepType;
  people: number;
  deliveries: Record<string, number>;
  conversions: number;
};
type VariantStats = {
  name: string;
  entries: number;
  conversions: number;
  /** Null where nobody took it. */
  rate: number | null;
  interval: [low: number, high: number] | null;
};

/**
 * Figures of a campaign, step by step. `versions` has the newest definition first; steps and variants that only older ones had come
 * behind those of today.
 */
export function campaignStats(versions: Pick<Campaign, 'steps'>[], counts: CampaignCounts) {
  const steps = unique(
    versions.flatMap((version) => allSteps(version.steps)),
    ({ id }) => id,
  );
  const { entered = 0, ...refused } = tally(counts.outcomes, ({ outcome }) => outcome);
  return {
    entries: entered,
    refused,
    ...counts.journeys,
    steps: steps.map(({ id, type }): StepStats => {
      const isOwn = ({ step }: { step: string | null }) => step === id;
      return {
        id,
        type,
        people: sum(counts.reached.filter(isOwn)),
        deliveries: tally(counts.deliveries.filter(isOwn), ({ state }) => state),
        conversions: sum(counts.conversions.filter(isOwn)),
      };
    }),
    conversions: sum(counts.conversions),
    splits: steps.flatMap(({ id, type }) =>
      type === 'split' ? [{ id, variants: variantNames(versions, id).map((name) => variant(id, name)) }] : [],
    ),
  };

  function variant(split: string, name: string): VariantStats {
    const own = counts.choices.find((choice) => choice.split === split && choice.variant === name);
    const { entries, conversions } = own ?? { entries: 0, conversions: 0 };
    const rate = entries === 0 ? null : conversions / entries;
    return { name, entries, conversions, rate, interval: wilsonInterval(conversions, entries) };
  }
}

function variantNames(versions: Pick<Campaign, 'steps'>[], split: string): string[] {
  const names = versions.flatMap(({ steps }) =>
    allSteps(steps).flatMap((step) => (step.type === 'split' && step.id === split ? step.variants : [])),
  );
  return unique(names, ({ name }) => name).map(({ name }) => name);
}

/** Of those with one key the first. */
function unique<T>(items: T[], keyOf: (item: T) => string): T[] {
  const seen = new Map<string, T>();
  for (const item of items) if (!seen.has(keyOf(item))) seen.set(keyOf(item), item);
  return [...seen.values()];
}

const sum = (counted: Counted[]) => counted.reduce((total, { number }) => total + number, 0);

const tally = <T extends Counted>(counted: T[], keyOf: (item: T) => string): Record<string, number> =>
  Object.fromEntries(counted.map((item) => [keyOf(item), item.number]));
