import { sql } from 'drizzle-orm';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createBroadcast } from '../../db/broadcasts.ts';
import { changeCampaignState, publishVersion } from '../../db/campaigns.ts';
import {
  claimCommands,
  claimStarts,
  deleteCommands,
  prepareStarts,
  readJourneyStarts,
  releaseCommands,
} from '../../db/commands.ts';
import { ingestEvents } from '../../db/events.ts';
import { listWaitingPeople } from '../../db/inbox.ts';
import { openDatabase, type Database } from '../../db/open.ts';
import { validateCampaign } from '../../domain/campaign/campaign.ts';
import { compilePlan } from '../../domain/campaign/plan.ts';
import { createTestDatabase, type TestDatabase } from '../support/database.ts';
import { matcherOf } from '../support/matcher.ts';

let database: TestDatabase;
/** One connection, which has all the statements. */
let single: Database;

beforeAll(async () => {
  database = await createTestDatabase();
  single = openDatabase(database.url, { max: 1, application: 'hookline test' });
});
afterAll(async () => {
  await single.close();
  await database.close();
});

async function publish(id: string, trigger: object) {
  const { campaign } = validateCampaign({ trigger, steps: [{ type: 'delay', for: '1h' }] }, id);
  await publishVersion(single.db, { ...campaign, id }, compilePlan(campaign));
  await changeCampaignState(single.db, id, ['new'], 'live');
}

/** From events and a manual start to the commands, with a list of this length everywhere. */
async function useAll(length: number) {
  const { db } = single;
  const people = Array.from({ length }, (_, index) => `p-${index}`);
  const list = people.map((person, index) => ({
    id: `${length}-${index}`,
    person,
    name: 'seen',
    data: {},
    backfill: false,
  }));
  await ingestEvents(db, list);
  expect((await ingestEvents(db, list)).some(({ isNew }) => isNew)).toBe(false);
  expect(await createBroadcast(db, { campaign: 'letter', meant: { people }, data: {}, requestHash: '' })).toMatchObject(
    {
      type: 'stored',
    },
  );
  const match = matcherOf(db);
  for (const key of await listWaitingPeople(db, 100)) expect(await match(key)).toBe(2);
  await prepareStarts(db);
  const starts = await claimStarts(db, { limit: 1_000, leaseMs: 30_000, perSecond: 100_000 });
  const claimed = [...(await claimCommands(db, 1_000, 30_000)), ...(starts === 'later' ? [] : starts)];
  const ids = claimed.map((command) => command.id);
  const journeys = claimed.flatMap(({ command }) => (command.type === 'startJourney' ? [command.journey] : []));
  expect((await readJourneyStarts(db, journeys)).size).toBe(2 * length);
  await releaseCommands(db, ids);
  expect(await claimCommands(db, 1_000, 30_000)).toHaveLength(length);
  await deleteCommands(db, ids);
  expect(await claimCommands(db, 1_000, 30_000)).toEqual([]);
}

const countStatements = async () => {
  const [row] = await single.db.execute<{ statements: number }>(
    sql`select count(*)::int as statements from pg_prepared_statements`,
  );
  return row?.statements;
};

describe('prepared statements', () => {
  it('are as many for lists of every length', async () => {
    await publish('letter', { type: 'manual' });
    await publish('sight', { type: 'event', event: 'seen' });
    await useAll(1);
    await useAll(2);
    await countStatements();
    const before = await countStatements();
    for (const length of [3, 4, 5, 6, 7, 8, 9, 10, 11]) await useAll(length);
    expect(await countStatements()).toBe(before);
  });
});
