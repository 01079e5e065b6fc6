import { sql } from 'drizzle-orm';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { createBroadcast } from '../../db/broadcasts.ts';
import { putPerson } from '../../db/people.ts';
import { segments } from '../../db/schema/segments.ts';
import { deleteSegment, type SegmentUser } from '../../db/segments.ts';
import { makeLive } from '../support/crowd.ts';
import { createTestDatabase, type TestDatabase } from '../support/database.ts';
import { matcherOf } from '../support/matcher.ts';

const IN_SEGMENT = { segment: 'vip' };
const FIRST = 'campaigns/tour/versions/1';

let test: TestDatabase;
let key: string;

beforeEach(async () => {
  test = await createTestDatabase();
  await test.db.insert(segments).values({ id: 'vip', version: 1, condition: { 'customer.vip': true } });
  ({ key } = await putPerson(test.db, 'ada', {}));
});
afterEach(() => test.close());

const trigger = () =>
  createBroadcast(test.db, { campaign: 'tour', meant: { people: ['ada'] }, data: {}, requestHash: '' });

class InUse extends Error {}

/** What keeps the segment from being deleted. */
async function users(): Promise<SegmentUser[]> {
  let found: SegmentUser[] = [];
  const refuse = (those: SegmentUser[]) => {
    found = those;
    throw new InUse();
  };
  await expect(deleteSegment(test.db, 'vip', refuse)).rejects.toThrow(InUse);
  return found;
}

it('a goal of an older version that an ended journey may still reach uses a segment; nothing else of it does', async () => {
  const goal = { event: 'bought', where: IN_SEGMENT, within: '1d' };
  await makeLive(test.db, 'tour', { goal, steps: [{ type: 'wait', until: IN_SEGMENT, timeout: '1d' }] });
  await trigger();
  await matcherOf(test.db)(key);
  await makeLive(test.db, 'tour', {});
  expect(await users()).toMatchObject([{ where: FIRST, campaign: { goal, steps: [{ type: 'wait' }] } }]);
  await test.db.execute(sql`update journeys set state = 'exited', ended_at = now()`);
  expect(await users()).toEqual([{ where: FIRST, campaign: { goal } }]);
  const over = (hours: number) =>
    test.db.execute(sql`update journeys set goal_until = now() - ${hours} * interval '1 hour'`);
  // An event that counts may be a day old when it comes.
  await over(23);
  expect(await users()).toHaveLength(1);
  await over(24);
  expect(await users()).toEqual([]);
});

it('a goal of an older version that an ended journey has reached uses no segment any more', async () => {
  await makeLive(test.db, 'tour', { goal: { event: 'bought', where: IN_SEGMENT, within: '1d' } });
  await trigger();
  await matcherOf(test.db)(key);
  await makeLive(test.db, 'tour', {});
  await test.db.execute(sql`update journeys set state = 'exited', ended_at = now()`);
  expect(await users()).toHaveLength(1);
  await test.db.execute(sql`
    insert into conversions (journey_id, campaign_id, person_key, event_id, at)
    select id, campaign_id, person_key, 'evt_1', now() from journeys`);
  expect(await users()).toEqual([]);
});

it('a version by which people that were named are still to be let in uses a segment', async () => {
  await makeLive(test.db, 'tour', { audience: { not: IN_SEGMENT }, steps: [{ type: 'exit' }] });
  await trigger();
  await makeLive(test.db, 'tour', {});
  expect(await users()).toMatchObject([{ where: FIRST, campaign: { audience: { not: IN_SEGMENT } } }]);
  await matcherOf(test.db)(key);
  await test.db.execute(sql`update journeys set state = 'exited', ended_at = now()`);
  expect(await users()).toEqual([]);
});
