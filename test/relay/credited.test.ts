import { eq } from 'drizzle-orm';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { ingestEvents } from '../../db/events.ts';
import { findPerson } from '../../db/people.ts';
import { conversions, journeys } from '../../db/schema/journeys.ts';
import { startActivities, type TestActivities } from '../support/activities.ts';
import { matcherOf } from '../support/matcher.ts';

let test: TestActivities;

beforeAll(async () => {
  test = await startActivities();
});
afterAll(() => test.stop());

it.each([
  ['the webhook that was sent before it, where another is sent before the relay comes', 'ada', ['a', 'buys', 'b'], 'a'],
  ['the last of those that were sent before it', 'bob', ['a', 'b', 'buys'], 'b'],
  ['none, where the first is sent behind it', 'cyd', ['buys', 'a', 'b'], null],
])('a conversion is credited to %s', async (_, person, turns, credited) => {
  const tracked = (id: string) => ({ type: 'webhook', id, url: test.receiver.url(`/${id}`), trackConversions: true });
  const goal = { event: 'purchase', within: '1d' };
  const journey = await test.enter('shop', { goal, steps: [tracked('a'), tracked('b')] }, { person });
  const goalUntil = new Date(Date.now() + 86_400_000);
  await test.db.update(journeys).set({ goalUntil }).where(eq(journeys.id, journey));
  for (const turn of turns) {
    if (turn === 'buys') await ingestEvents(test.db, [{ person, name: 'purchase', data: {}, backfill: false }]);
    else await test.send(await test.freeze(journey, turn));
  }
  await matcherOf(test.db)((await findPerson(test.db, person))?.key ?? '');
  const converted = await test.db.select().from(conversions).where(eq(conversions.journeyId, journey));
  expect(converted).toMatchObject([{ stepId: credited }]);
});
