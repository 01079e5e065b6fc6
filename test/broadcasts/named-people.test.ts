import { afterEach, beforeEach, expect, it } from 'vitest';
import { createBroadcast } from '../../db/broadcasts.ts';
import { changeCampaignState } from '../../db/campaigns.ts';
import { putPerson } from '../../db/people.ts';
import { outcomes } from '../../db/schema/campaigns.ts';
import { createTestDatabase, type TestDatabase } from '../support/database.ts';
import { makeLive } from '../support/crowd.ts';
import { matcherOf } from '../support/matcher.ts';

let test: TestDatabase;

beforeEach(async () => {
  test = await createTestDatabase();
});
afterEach(() => test.close());

async function trigger(): Promise<string> {
  const request = { campaign: 'tour', meant: { people: ['ada'] }, data: {}, requestHash: '' };
  const created = await createBroadcast(test.db, request);
  if (created.type !== 'stored') throw new Error(created.type);
  return created.id;
}

it('nobody enters by a trigger from before a stop, also when the campaign is started again before the relay comes', async () => {
  const { key } = await putPerson(test.db, 'ada', {});
  await makeLive(test.db, 'tour', {});
  const before = await trigger();
  await changeCampaignState(test.db, 'tour', ['live'], 'stopped');
  await changeCampaignState(test.db, 'tour', ['stopped'], 'live');
  const behind = await trigger();
  await matcherOf(test.db)(key);
  const decided = await test.db.select().from(outcomes).orderBy(outcomes.broadcastId);
  expect(decided).toMatchObject([
    { broadcastId: before, outcome: 'notLive', reason: 'the campaign is stopped' },
    { broadcastId: behind, outcome: 'entered' },
  ]);
});
