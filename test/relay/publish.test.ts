import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { publishVersion } from '../../db/campaigns.ts';
import { inbox } from '../../db/schema/people.ts';
import { validateCampaign } from '../../domain/campaign/campaign.ts';
import { compilePlan } from '../../domain/campaign/plan.ts';
import { eventually } from '../support/eventually.ts';
import { startHookline, type Hookline } from '../support/hookline.ts';
import { untilBlocked } from '../support/locks.ts';

let hookline: Hookline;

beforeAll(async () => {
  hookline = await startHookline({ worker: false });
});
afterAll(() => hookline.stop());

const named = (name: string, event = 'moved') => ({
  name,
  trigger: { type: 'event', event },
  steps: [{ type: 'delay', for: '1h' }],
});

/** Posts an event while `busy` is published; that is committed once the relay, which knows the old version, waits for the row. */
async function postDuringPublication(id: string, definition: object) {
  const { db } = hookline.database;
  const { campaign } = validateCampaign(definition, 'busy');
  await db.transaction(async (tx) => {
    await publishVersion(tx, { ...campaign, id: 'busy' }, compilePlan(campaign));
    await hookline.api('POST', '/v1/events', { id, person: 'ada', name: 'moved' });
    await untilBlocked(db, 'hookline test');
  });
}

/** What became of an event, once the relay has nothing more to do. */
async function outcomesOf(id: string): Promise<object[]> {
  await eventually(async () => (await hookline.database.db.select().from(inbox).limit(1)).length === 0);
  return (await hookline.api<{ outcomes: object[] }>('GET', `/v1/events/${id}`)).body.outcomes;
}

describe('an event that comes while its campaign is published', () => {
  it('enters on the new version, each time', async () => {
    await hookline.publish('busy', named('version 1'));
    for (const version of [2, 3, 4, 5]) {
      await postDuringPublication(`during-${version}`, named(`version ${version}`));
      expect(await outcomesOf(`during-${version}`)).toMatchObject([{ campaign: 'busy', version, outcome: 'entered' }]);
    }
  });

  it('is considered also while it is published again and again', async () => {
    await hookline.publish('restless', named('restless', 'turned'));
    const ids = Array.from({ length: 60 }, (_, index) => `turn-${index}`);
    const posting = Promise.all(
      ids.map((id, index) => hookline.api('POST', '/v1/events', { id, person: `p-${index}`, name: 'turned' })),
    );
    for (let round = 0; round < 30; round += 1)
      await hookline.api('PUT', '/v1/campaigns/restless', named(`round ${round}`, 'turned'));
    await posting;
    for (const id of ids) expect(await outcomesOf(id)).toMatchObject([{ campaign: 'restless', outcome: 'entered' }]);
  });

  it('is not considered where the new version starts on something else', async () => {
    await hookline.publish('busy', named('before'));
    await postDuringPublication('too-late', named('after', 'rested'));
    expect(await outcomesOf('too-late')).toEqual([]);
    await hookline.api('POST', '/v1/events', { id: 'rest', person: 'ada', name: 'rested' });
    expect(await outcomesOf('rest')).toMatchObject([{ campaign: 'busy', outcome: 'entered' }]);
  });
});
