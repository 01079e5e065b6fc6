import { eq } from 'drizzle-orm';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { countCampaign } from '../../db/campaign-counts.ts';
import { ingestEvents } from '../../db/events.ts';
import { findPerson } from '../../db/people.ts';
import { journeys } from '../../db/schema/journeys.ts';
import { startActivities, type TestActivities } from '../support/activities.ts';
import { matcherOf } from '../support/matcher.ts';

let test: TestActivities;

beforeAll(async () => {
  test = await startActivities();
});
afterAll(() => test.stop());

const steps = [
  {
    type: 'split',
    id: 'price',
    variants: [
      { name: 'low', percent: 100, steps: [] },
      { name: 'none', percent: 0, steps: [] },
    ],
  },
];

/** A journey at its split, whose person may convert. */
async function atSplit(campaign: string, person: string) {
  const journey = await test.enter(campaign, { goal: { event: 'purchase', within: '1d' }, steps }, { person });
  const goalUntil = new Date(Date.now() + 86_400_000);
  await test.db.update(journeys).set({ goalUntil }).where(eq(journeys.id, journey));
  return {
    split: () => test.prepare(journey, 'price', 'split'),
    buy: () => ingestEvents(test.db, [{ person, name: 'purchase', data: {}, backfill: false }]),
    match: async () => matcherOf(test.db)((await findPerson(test.db, person))?.key ?? ''),
  };
}

const choices = async (campaign: string) => (await countCampaign(test.db, campaign))?.counts.choices;

it('a conversion counts for a variant that was taken before it, and not for one that is taken behind it', async () => {
  const [ada, bob] = [await atSplit('shop', 'ada'), await atSplit('shop', 'bob')];
  await ada.split();
  for (const person of [ada, bob]) {
    await person.buy();
    await person.match();
  }
  expect(await bob.split()).toMatchObject({ type: 'split' });
  expect(await choices('shop')).toEqual([{ split: 'price', variant: 'low', entries: 1, conversions: 1 }]);
});

it('a split waits for what may be a conversion and is still to be matched', async () => {
  const cyd = await atSplit('store', 'cyd');
  await cyd.buy();
  await expect(cyd.split()).rejects.toThrow('the relay has still to match');
  await cyd.match();
  await cyd.split();
  expect(await choices('store')).toEqual([]);
});
