import { afterAll, beforeAll, expect, it } from 'vitest';
import { ingestEvents } from '../../db/events.ts';
import { findPerson, putPerson } from '../../db/people.ts';
import { runIn, startActivities, type TestActivities } from '../support/activities.ts';
import { matcherOf } from '../support/matcher.ts';

let test: TestActivities;

beforeAll(async () => {
  test = await startActivities();
});
afterAll(() => test.stop());

const inHours = (hours: number) => new Date(Date.now() + hours * 3_600_000).toISOString();

/** A journey in a delay of one hour that follows from its person, and another look at it when that is over. */
async function delayed(person: string) {
  const steps = [{ type: 'delay', id: 'rest', until: { attribute: 'renewal' } }];
  const journey = await test.enter('renewal', { steps }, { person, attributes: { renewal: inHours(1) } });
  await test.prepare(journey, 'rest', 'delay');
  const key = (await findPerson(test.db, person))?.key ?? '';
  const match = () => matcherOf(test.db)(key);
  await match();
  const { endWait } = test.another({ now: () => new Date(inHours(2)) });
  return { match, look: () => runIn(endWait, { journey, step: 'rest' }) };
}

it('a delay that follows from the person moves by what was stored before it was over, though the relay was away', async () => {
  const { match, look } = await delayed('ada');
  const renewal = inHours(3);
  await putPerson(test.db, 'ada', { renewal });
  expect(await look()).toMatchObject({ ended: null });
  await match();
  expect(await look()).toEqual({ until: renewal, ended: null });
});

it('a delay that follows from the person is held up by nothing else that is still to be matched', async () => {
  const { look } = await delayed('bob');
  await ingestEvents(test.db, [{ person: 'bob', name: 'came', data: {}, backfill: false }]);
  expect(await look()).toEqual({ until: null, ended: 'elapsed' });
});
