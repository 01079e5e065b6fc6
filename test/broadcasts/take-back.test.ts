import { and, eq, inArray, isNotNull, type SQL } from 'drizzle-orm';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { createBroadcast, findBroadcast, stopBroadcast } from '../../db/broadcasts.ts';
import { exitPage } from '../../db/campaign-exit.ts';
import { changeCampaignState } from '../../db/campaigns.ts';
import { failCommand } from '../../db/commands.ts';
import { erasePerson } from '../../db/erase-person.ts';
import { ingestEvents } from '../../db/events.ts';
import { mergePeople } from '../../db/merge-people.ts';
import type { Db } from '../../db/open.ts';
import { findPerson, putPerson } from '../../db/people.ts';
import { entries } from '../../db/schema/campaigns.ts';
import { commands, conversions, journeys } from '../../db/schema/journeys.ts';
import { people } from '../../db/schema/people.ts';
import { startCampaign } from '../../db/start-campaign.ts';
import { unfitSegments } from '../../domain/segment/unfit-segments.ts';
import { enterPageOf } from '../support/enter-page.ts';
import { makeLive } from '../support/crowd.ts';
import { createTestDatabase, type TestDatabase } from '../support/database.ts';
import { matcherOf } from '../support/matcher.ts';

let test: TestDatabase;

beforeEach(async () => {
  test = await createTestDatabase();
  for (const person of ['ada', 'visitor']) await putPerson(test.db, person, { plan: 'gold' });
});
afterEach(() => test.close());

/** A broadcast that has selected both. */
async function begin(fields: object): Promise<string> {
  await makeLive(test.db, 'tour', { entry: { frequency: 'once' }, ...fields });
  return trigger();
}

async function trigger(): Promise<string> {
  const meant = { audience: { 'customer.plan': 'gold' }, segments: [] };
  const request = { campaign: 'tour', meant, data: { for: 'ada' }, requestHash: '' };
  const created = await createBroadcast(test.db, request);
  if (created.type !== 'stored') throw new Error(created.type);
  await enterPages(created.id);
  return created.id;
}

async function enterPages(broadcast: string) {
  const enter = enterPageOf(test.db);
  for (;;) {
    const { ended, waitsFor } = await enter({ broadcast });
    if (ended || waitsFor) return;
  }
}

async function stop(broadcast: string) {
  await stopBroadcast(test.db, broadcast, { wake: true });
  await enterPages(broadcast);
}

it('what somebody does whose journey was taken back is no conversion of it', async () => {
  await stop(await begin({ goal: { event: 'bought', within: '7d' } }));
  const again = await trigger();
  await ingestEvents(test.db, [{ person: 'ada', name: 'bought', data: {}, backfill: false }]);
  await matcherOf(test.db)((await findPerson(test.db, 'ada'))?.key ?? '');
  const converted = await test.db
    .select({ broadcast: journeys.broadcastId })
    .from(conversions)
    .innerJoin(journeys, eq(journeys.id, conversions.journeyId));
  expect(converted).toEqual([{ broadcast: again }]);
});

it('who had not begun when the campaign was stopped, and had to leave, may enter again as if they had not entered', async () => {
  const broadcast = await begin({ goal: { event: 'bought', within: '7d' } });
  const stopped = await changeCampaignState(test.db, 'tour', ['live'], 'stopped', { exit: true });
  const exitBefore = stopped?.exitBefore ?? new Date();
  while ((await exitPage(test.db, { id: 'tour', exitBefore }, new Date())) > 0);
  await enterPages(broadcast);
  expect(await test.db.select().from(entries)).toEqual([]);
  await startCampaign(test.db, 'tour');
  const again = await trigger();
  const active = await test.db.select().from(journeys).where(eq(journeys.state, 'starting'));
  expect(active.map(({ broadcastId }) => broadcastId)).toEqual([again, again]);
  expect(await test.db.select().from(journeys).where(isNotNull(journeys.goalEvent))).toHaveLength(2);
});

it.each([
  ['the one who is left', 'ada'],
  ['the one who is gone', 'visitor'],
])(
  'of two who were merged %s has begun, and the other is taken back: who may enter once does not enter again',
  async (_, begun) => {
    const broadcast = await begin({});
    const [journey] = await test.db
      .select({ id: journeys.id })
      .from(journeys)
      .innerJoin(people, and(eq(people.key, journeys.personKey), eq(people.id, begun)));
    await test.db.delete(commands).where(inArray(commands.workflowId, [`journey/${journey?.id}/1`]));
    await mergePeople(test.db, 'visitor', 'ada', unfitSegments);
    await stop(broadcast);
    expect(await test.db.select({ journey: entries.journeyId }).from(entries)).toEqual([{ journey: journey?.id }]);
    await trigger();
    expect(await test.db.select({ journey: entries.journeyId }).from(entries)).toEqual([{ journey: journey?.id }]);
  },
);

it('a broadcast that has ended keeps no audience, nor data when all its people are erased', async () => {
  const broadcast = await begin({});
  expect(await findBroadcast(test.db, broadcast)).toMatchObject({ audience: { 'customer.plan': 'gold' } });
  await stop(broadcast);
  const left = { audience: 'everybody', state: 'stopped' };
  await erasePerson(test.db, 'ada');
  expect(await findBroadcast(test.db, broadcast)).toMatchObject({ ...left, data: { for: 'ada' } });
  await erasePerson(test.db, 'visitor');
  expect(await findBroadcast(test.db, broadcast)).toMatchObject({ ...left, data: {} });
});

/** A database where `work` comes after so many raw statements of a transaction. */
function interrupted(db: Db, after: number, work: () => Promise<void>): Db {
  let statements = 0;
  const inside = (tx: Db): Db =>
    Object.create(tx, {
      execute: {
        value: async (query: SQL) => {
          const rows = await tx.execute(query);
          statements += 1;
          if (statements === after) await work();
          return rows;
        },
      },
    });
  const transaction = <T>(run: (tx: Db) => Promise<T>) => db.transaction((tx) => run(inside(tx)));
  return Object.create(db, { transaction: { value: transaction } });
}

it.each([1, 2, 3])(
  'no start is left behind that Temporal refuses after statement %i of the page that takes back',
  async (statement) => {
    const { db } = test;
    const broadcast = await begin({});
    const [begun, carried] = await db.select().from(commands).where(eq(commands.broadcastId, broadcast));
    await db.delete(commands).where(eq(commands.id, begun?.id ?? 0));
    await db.update(commands).set({ leasedUntil: new Date(Date.now() + 3_600_000) });
    await stopBroadcast(db, broadcast, { wake: true });
    let isRefused = false;
    const refuse = async () => {
      await failCommand(db, carried?.id ?? 0, 'refused');
      isRefused = true;
    };
    await enterPageOf(interrupted(db, statement, refuse))({ broadcast });
    expect(isRefused).toBe(true);
    await enterPages(broadcast);
    expect(await db.select().from(commands).where(eq(commands.broadcastId, broadcast))).toEqual([]);
    expect(await findBroadcast(db, broadcast)).toMatchObject({ state: 'stopped', endedAt: expect.any(Date) });
  },
);
