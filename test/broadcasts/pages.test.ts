import { eq, sql } from 'drizzle-orm';
import { afterAll, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { createBroadcast, findBroadcast, stopBroadcast } from '../../db/broadcasts.ts';
import { changeCampaignState } from '../../db/campaigns.ts';
import { listWaitingPeople } from '../../db/inbox.ts';
import type { Db } from '../../db/open.ts';
import { entries, outcomes } from '../../db/schema/campaigns.ts';
import { commands, journeys } from '../../db/schema/journeys.ts';
import { people } from '../../db/schema/people.ts';
import { startCampaign } from '../../db/start-campaign.ts';
import type { Condition } from '../../domain/condition/condition.ts';
import { enterPageOf } from '../support/enter-page.ts';
import { makeCrowd, makeLive } from '../support/crowd.ts';
import { createTestDatabase, type TestDatabase } from '../support/database.ts';
import { matcherOf } from '../support/matcher.ts';

const COUNT = 3_000;
let database: TestDatabase;
let db: Db;
let campaign: string;
let made = 0;

beforeAll(async () => {
  database = await createTestDatabase();
  ({ db } = database);
  await makeCrowd(db, COUNT);
});
afterAll(() => database.close());
beforeEach(() => {
  made += 1;
  campaign = `campaign-${made}`;
});

/** A broadcast of a campaign that is live. */
async function begin(audience: Condition, fields: object = {}, data = {}): Promise<string> {
  await makeLive(db, campaign, fields);
  return trigger(audience, data);
}

async function trigger(audience: Condition, data = {}): Promise<string> {
  const result = await createBroadcast(db, { campaign, meant: { audience, segments: [] }, data, requestHash: '' });
  if (result.type !== 'stored') throw new Error(result.type);
  return result.id;
}

/** Works off pages until one has to wait. */
async function workOff(broadcast: string, enterPage = enterPageOf(db)) {
  for (;;) {
    const page = await enterPage({ broadcast });
    if (page.waitsFor || page.ended) return page;
  }
}

const shownOf = async (id: string) => {
  const { state, selected, counts } = (await findBroadcast(db, id)) ?? {};
  return { state, selected, counts };
};
const begun = async (broadcast: string) => {
  const rows = await db
    .select({ id: people.id })
    .from(journeys)
    .innerJoin(people, eq(people.key, journeys.personKey))
    .where(eq(journeys.broadcastId, broadcast));
  return rows.map(({ id }) => id);
};
const versions = async (broadcast: string) => {
  const rows = await db.select().from(journeys).where(eq(journeys.broadcastId, broadcast));
  return new Set(rows.map(({ version }) => version));
};
const range = (count: number) => Array.from({ length: count }, (_, index) => index + 1);
const gold = range(COUNT).filter((n) => n % 3 === 0);
const names = (numbers: number[]) => numbers.map((n) => `p${n}`).toSorted();

describe('a broadcast over an audience', () => {
  it('enters everybody in it once, page by page, and is completed when all journeys have begun', async () => {
    const id = await begin({ 'customer.plan': 'gold' });
    const wakeCommands = vi.fn();
    const page = await workOff(id, enterPageOf(db, { wakeCommands }));
    expect(page).toMatchObject({ state: 'running', ended: false, waitsFor: { what: 'starts' } });
    expect(wakeCommands, 'after each page, and not while it waits').toHaveBeenCalledTimes(3);
    const suppressed = gold.filter((n) => n % 100 === 0);
    expect((await begun(id)).toSorted()).toEqual(names(gold.filter((n) => n % 100 !== 0)));
    expect(await shownOf(id)).toEqual({
      state: 'running',
      selected: gold.length,
      counts: { entered: gold.length - suppressed.length, suppressed: suppressed.length },
    });
    await db.delete(commands);
    expect(await workOff(id)).toMatchObject({ state: 'completed', ended: true, selected: gold.length });
  });

  it('selects by what people did', async () => {
    const id = await begin({ performed: { event: 'bought', where: { 'event.total': { gt: 2_900 } } } });
    await workOff(id);
    expect((await begun(id)).toSorted()).toEqual(names([2910, 2920, 2930, 2940, 2950, 2960, 2970, 2980, 2990]));
  });

  it("judges the campaign's own audience of each person, and shows the values that decided", async () => {
    const id = await begin(
      { 'customer.n': { lte: 40 } },
      { audience: { 'customer.plan': { ne: 'free' }, performed: { event: 'bought', within: '1d' } } },
    );
    await workOff(id);
    expect(await shownOf(id)).toMatchObject({ selected: 40, counts: { entered: 1, notInAudience: 39 } });
    const rows = await db
      .select({ id: people.id, outcome: outcomes.outcome, values: outcomes.values })
      .from(outcomes)
      .innerJoin(people, eq(people.key, outcomes.personKey))
      .where(sql`${outcomes.broadcastId} = ${id} and ${people.id} in ('p10', 'p15', 'p30')`)
      .orderBy(people.id);
    const performed = 'performed bought within 1d';
    expect(rows).toEqual([
      { id: 'p10', outcome: 'notInAudience', values: { 'customer.plan': 'free' } },
      { id: 'p15', outcome: 'notInAudience', values: { [performed]: 0 } },
      { id: 'p30', outcome: 'entered', values: { 'customer.plan': 'gold', [performed]: 1 } },
    ]);
  });

  it('reads the data of its trigger', async () => {
    const id = await begin({ 'customer.n': { lte: 3 }, 'trigger.test': true }, {}, { test: false });
    await workOff(id);
    expect(await shownOf(id)).toMatchObject({ selected: 0, counts: {} });
  });

  it('leaves out who came to be known after it began', async () => {
    const id = await begin({ 'customer.plan': 'late' });
    // Times are kept to the millisecond: who came in that of the beginning is among those it is for.
    const createdAt = new Date(Date.now() + 1_000);
    await db.insert(people).values({ key: 'per_9', id: 'late', attributes: { plan: 'late' }, createdAt });
    await workOff(id);
    expect(await shownOf(id)).toMatchObject({ selected: 0 });
    await db.delete(people).where(eq(people.id, 'late'));
  });

  it('lets nobody in again whom the entry rules refuse', async () => {
    const first = await begin({ 'customer.n': { lte: 6 } }, { entry: { frequency: 'once' } });
    await workOff(first);
    const again = await createBroadcast(db, {
      campaign,
      meant: { audience: { 'customer.n': { lte: 8 } }, segments: [] },
      data: {},
      requestHash: '',
    });
    if (again.type !== 'stored') throw new Error(again.type);
    await workOff(again.id);
    expect(await shownOf(again.id)).toMatchObject({ selected: 8, counts: { entered: 2, frequency: 6 } });
  });
});

describe('a page of a broadcast', () => {
  it('that is lost is done again: nobody enters twice or is left out', async () => {
    const id = await begin({ 'customer.plan': 'gold' });
    let count = 0;
    /** Every second transaction is lost with its connection, when all of it is written. */
    const fragile: Db = {
      ...db,
      execute: db.execute.bind(db),
      select: db.select.bind(db),
      transaction: (run) =>
        db.transaction(async (tx) => {
          const answer = await run(tx);
          count += 1;
          if (count % 2 === 1) throw new Error('killed');
          return answer;
        }),
    };
    const enterPage = enterPageOf(fragile);
    const steadily: typeof enterPage = (input) => enterPage(input).catch(() => steadily(input));
    await workOff(id, steadily);
    expect(count).toBeGreaterThan(5);
    expect((await begun(id)).toSorted()).toEqual(names(gold.filter((n) => n % 100 !== 0)));
    expect(await shownOf(id)).toMatchObject({ selected: gold.length });
  });

  it('may be asked for by several workers at once', async () => {
    const id = await begin({ 'customer.plan': 'gold' });
    await Promise.all(range(4).map(() => workOff(id)));
    expect((await begun(id)).toSorted()).toEqual(names(gold.filter((n) => n % 100 !== 0)));
    expect(await shownOf(id)).toMatchObject({ selected: gold.length });
  });

  it('may cross with changes of its people', async () => {
    const id = await begin({ 'customer.n': { lte: 1_000 } });
    const change = (n: number) =>
      db.execute(sql`update people set last_number = last_number + 1 where id in (${`p${n}`}, ${`p${1_001 - n}`})`);
    await Promise.all([workOff(id), ...range(200).map(change)]);
    expect(await shownOf(id)).toMatchObject({ selected: 1_000 });
  });
});

describe('while another version is published', () => {
  it('a broadcast stays on the one that was live when it was made, and the next one is on the new', async () => {
    const audience = { 'customer.n': { lte: 1_200 } };
    const first = await begin(audience, { audience: { 'customer.plan': 'gold' } });
    const enterPage = enterPageOf(db);
    await enterPage({ broadcast: first });
    const entered = (await begun(first)).length;
    await makeLive(db, campaign, { audience: { 'customer.plan': 'free' }, steps: [{ type: 'exit' }] });
    const next = await trigger(audience);
    // One worker knows the version of the page before, another comes to it for the first time.
    await enterPage({ broadcast: first });
    await workOff(first);
    await workOff(next);

    const inGold = gold.filter((n) => n <= 1_200 && n % 100 !== 0);
    const inFree = range(1_200).filter((n) => n % 3 !== 0 && n % 100 !== 0);
    expect(entered).toBeLessThan(inGold.length);
    expect((await begun(first)).toSorted()).toEqual(names(inGold));
    expect(await versions(first)).toEqual(new Set([1]));
    expect((await begun(next)).toSorted()).toEqual(names(inFree));
    expect(await versions(next)).toEqual(new Set([2]));
  });

  it('so does one to people by name, whom the relay matches later', async () => {
    await makeLive(db, campaign, {});
    const stored = await createBroadcast(db, { campaign, meant: { people: ['p1', 'p2'] }, data: {}, requestHash: '' });
    if (stored.type !== 'stored') throw new Error(stored.type);
    await makeLive(db, campaign, { audience: { 'customer.plan': 'gold' } });
    for (const key of await listWaitingPeople(db, 10)) await matcherOf(db)(key);
    expect((await begun(stored.id)).toSorted()).toEqual(names([1, 2]));
    expect(await versions(stored.id)).toEqual(new Set([1]));
  });
});

describe('while the campaign is paused', () => {
  it('a broadcast waits, and goes on where it stood', async () => {
    const id = await begin({ 'customer.plan': 'gold' });
    const enterPage = enterPageOf(db);
    await enterPage({ broadcast: id });
    await changeCampaignState(db, campaign, ['live'], 'paused');
    expect(await enterPage({ broadcast: id })).toMatchObject({ selected: 500, waitsFor: { what: 'resume' } });
    await changeCampaignState(db, campaign, ['paused'], 'live');
    const wakes = await db
      .select()
      .from(commands)
      .where(eq(commands.workflowId, `broadcast/${id}`))
      .orderBy(commands.id);
    expect(wakes.map(({ command }) => command.type)).toEqual(['startBroadcast', 'wake', 'wake']);
    await workOff(id);
    expect((await begun(id)).toSorted()).toEqual(names(gold.filter((n) => n % 100 !== 0)));
  });
});

describe('a broadcast that is stopped', () => {
  it('selects nobody any more, and takes back who has not begun, as if they had not entered', async () => {
    const id = await begin({ 'customer.plan': 'gold' }, { entry: { frequency: 'once' } });
    const enterPage = enterPageOf(db);
    await enterPage({ broadcast: id });
    // One is on its way to Temporal, another was refused there, a third has begun.
    const [leased, refused, carried] = await db.select().from(commands).where(eq(commands.broadcastId, id)).limit(3);
    if (!leased || !refused || !carried) throw new Error('nobody entered');
    const away = new Date(Date.now() + 3_600_000);
    await db.update(commands).set({ leasedUntil: away }).where(eq(commands.id, leased.id));
    await db.update(commands).set({ leasedUntil: away, tries: 3 }).where(eq(commands.id, refused.id));
    await db.delete(commands).where(eq(commands.id, carried.id));
    const active = async () => {
      const rows = await db.select().from(journeys).where(eq(journeys.broadcastId, id));
      return rows.filter(({ endedAt }) => endedAt === null);
    };

    expect(await stopBroadcast(db, id, { wake: true })).toBe('running');
    await enterPage({ broadcast: id });
    expect(await enterPage({ broadcast: id })).toMatchObject({ ended: false, waitsFor: { what: 'starts' } });
    expect(await active()).toHaveLength(2);
    // Who carried it was killed.
    await db
      .update(commands)
      .set({ leasedUntil: new Date(0) })
      .where(eq(commands.id, leased.id));
    expect(await workOff(id)).toMatchObject({ state: 'stopped', ended: true, selected: 500 });
    expect(await stopBroadcast(db, id, { wake: true })).toBe('stopped');
    expect(await active()).toHaveLength(1);
    const rows = await db.select().from(journeys).where(eq(journeys.broadcastId, id));
    const ended = rows.filter(({ endedAt }) => endedAt !== null);
    expect(new Set(ended.map(({ state, reason }) => `${state}: ${reason}`))).toEqual(
      new Set(['exited: the broadcast was stopped']),
    );
    expect(await db.select().from(commands).where(eq(commands.broadcastId, id))).toHaveLength(0);
    expect(await db.select().from(entries).where(eq(entries.campaignId, campaign))).toHaveLength(1);
  });

  it('is one whose campaign was stopped', async () => {
    const id = await begin({ 'customer.plan': 'gold' });
    await enterPageOf(db)({ broadcast: id });
    await changeCampaignState(db, campaign, ['live'], 'stopped');
    expect(await workOff(id)).toMatchObject({ state: 'stopped', ended: true, selected: 500 });
  });

  it('is one whose campaign was stopped, and started again: the next one takes in who had not begun', async () => {
    const id = await begin({ 'customer.plan': 'gold' }, { entry: { frequency: 'once' } });
    await enterPageOf(db)({ broadcast: id });
    await changeCampaignState(db, campaign, ['live'], 'stopped');
    await startCampaign(db, campaign);
    const next = await trigger({ 'customer.plan': 'gold' });
    expect(await workOff(next)).toMatchObject({ selected: 0, waitsFor: { what: 'starts' } });
    expect(await workOff(id)).toMatchObject({ state: 'stopped', ended: true, selected: 500 });
    await workOff(next);
    expect((await begun(next)).toSorted()).toEqual(names(gold.filter((n) => n % 100 !== 0)));
  });
});
