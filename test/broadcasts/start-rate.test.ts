import { setTimeout as pause } from 'node:timers/promises';
import { sql } from 'drizzle-orm';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { claimCommands, claimStarts, deleteCommands, IS_WANTED_START, prepareStarts } from '../../db/commands.ts';
import type { Db } from '../../db/open.ts';
import { changeCampaignState } from '../../db/campaigns.ts';
import { broadcasts } from '../../db/schema/campaigns.ts';
import { commands } from '../../db/schema/journeys.ts';
import { makeLive } from '../support/crowd.ts';
import { createTestDatabase, type TestDatabase } from '../support/database.ts';

let database: TestDatabase;
let db: Db;

beforeAll(async () => {
  database = await createTestDatabase();
  ({ db } = database);
});
afterAll(() => database.close());
beforeEach(async () => {
  await db.delete(commands);
  await prepareStarts(db);
  await db.execute(sql`
    insert into commands (workflow_id, command, lane, broadcast_id)
    select 'journey/jrn_' || n || '/1', jsonb_build_object('type', 'startJourney', 'journey', 'jrn_' || n), 1, 'brd_1'
    from generate_series(1, 2000) as n`);
});

/** Claims as relays do for a while; answers when each start was claimed, in ms since the first. */
async function claimFor(ms: number, perSecond: number, relays: number): Promise<number[]> {
  const startedAt = Date.now();
  const claimed: number[] = [];
  const relay = async () => {
    while (Date.now() - startedAt < ms) {
      const starts = await claimStarts(db, { limit: 64, leaseMs: 30_000, perSecond });
      if (starts === 'later') await pause(20);
      else {
        claimed.push(...starts.map(() => Date.now() - startedAt));
        const ids = starts.map(({ id }) => id);
        await deleteCommands(db, ids);
      }
    }
  };
  await Promise.all(Array.from({ length: relays }, relay));
  return claimed;
}

describe("starts of broadcasts' journeys", () => {
  it('are as many a second as may be, over all relays together', async () => {
    const claimed = await claimFor(3_000, 100, 3);
    // A quarter of a second is kept from before. How many there are at least is the machine's business too.
    expect(claimed.length).toBeLessThanOrEqual(100 * 3.5);
    expect(claimed.length).toBeGreaterThan(100);
    for (let from = 0; from < 3_000; from += 250) {
      const within = claimed.filter((at) => at >= from && at < from + 1_000);
      expect(within.length).toBeLessThanOrEqual(100 * 1.5);
    }
  });

  it('come one by one where there may be less than one in the time that is kept', async () => {
    const claimed = await claimFor(2_200, 2, 2);
    expect(claimed.length).toBeGreaterThanOrEqual(1);
    expect(claimed.length).toBeLessThanOrEqual(6);
  });

  it('are left where their broadcast, or its campaign, was stopped: they are to be taken back', async () => {
    const ids = ['brd_goes', 'brd_stopped', 'brd_over', 'brd_named'] as const;
    await makeLive(db, 'goes', {});
    await makeLive(db, 'over', {});
    const values = { version: 1, requestHash: '', data: {}, selected: 1 };
    await db.insert(broadcasts).values([
      { ...values, id: 'brd_goes', campaignId: 'goes', state: 'running' },
      { ...values, id: 'brd_stopped', campaignId: 'goes', state: 'stopped' },
      { ...values, id: 'brd_over', campaignId: 'over', state: 'running' },
      // People who were named have entered, and go on.
      { ...values, id: 'brd_named', campaignId: 'over', state: 'completed', endedAt: new Date() },
    ]);
    await changeCampaignState(db, 'over', ['live'], 'stopped');
    await db.delete(commands);
    for (const id of ids) {
      const command = { type: 'startJourney', journey: id } as const;
      await db.insert(commands).values({ workflowId: `journey/${id}/1`, command, lane: 1, broadcastId: id });
    }
    const claimed = await claimStarts(db, { limit: 64, leaseMs: 30_000, perSecond: 1_000 });
    const journeys = claimed === 'later' ? claimed : claimed.map(({ workflowId }) => workflowId);
    expect(journeys).toEqual(['journey/brd_goes/1', 'journey/brd_named/1']);
  });

  it('hold no other command back, however many they are', async () => {
    await db.insert(commands).values({ workflowId: 'journey/jrn_e/1', command: { type: 'wake', subject: 'jrn_e' } });
    expect(await claimCommands(db, 64, 30_000)).toMatchObject([{ workflowId: 'journey/jrn_e/1' }]);
  });

  it('are found by an index among 100,000', async () => {
    await db.execute(sql`
      insert into commands (workflow_id, command, lane, broadcast_id)
      select 'journey/jrn_x' || n || '/1', jsonb_build_object('type', 'startJourney', 'journey', 'jrn_x' || n), 1, case when n % 2 = 0 then 'brd_1' end
      from generate_series(1, 98000) as n`);
    // Where rows come and go they lie in no order: an index costs more, unless only its first rows are read.
    for (const part of [0, 1, 2, 3]) {
      await db.execute(
        sql`update commands set leased_until = '2020-01-01' where hashtext(workflow_id) & 3 = ${part}::int`,
      );
    }
    await db.execute(sql`analyze commands`);
    const plan = await db.transaction(async (tx) => {
      await tx.execute(sql`set local enable_seqscan = on`);
      return tx.execute<Record<string, string>>(sql`
        explain select id from commands as c
        where ${IS_WANTED_START} and (leased_until is null or leased_until < clock_timestamp())
          and not exists (select 1 from commands as earlier where earlier.workflow_id = c.workflow_id and earlier.id < c.id)
        order by id limit 64 for update skip locked`);
    });
    const text = plan.map((row) => row['QUERY PLAN']).join('\n');
    expect(text).toContain('Index Scan using commands_starts');
    expect(text).not.toMatch(/Seq Scan on commands|Sort/);
  });
});
