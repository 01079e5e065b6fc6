import { asc, eq, sql } from 'drizzle-orm';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { changeCampaignState, publishVersion } from '../../db/campaigns.ts';
import { putPerson } from '../../db/people.ts';
import { campaigns, dueEntries, outcomes } from '../../db/schema/campaigns.ts';
import { inbox, people } from '../../db/schema/people.ts';
import { validateCampaign } from '../../domain/campaign/campaign.ts';
import type { Json } from '../../domain/json.ts';
import { createTestDatabase, type TestDatabase } from '../support/database.ts';
import { holdTransaction, untilBlocked } from '../support/locks.ts';
import { relaysOf } from '../support/relays.ts';

const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;
const clock = { now: new Date('2027-05-01T00:00:00Z') };
let database: TestDatabase;
let relays: ReturnType<typeof relaysOf>;

beforeAll(async () => {
  database = await createTestDatabase();
});
afterAll(() => database.close());

beforeEach(async () => {
  at('2027-05-01T00:00:00Z');
  relays = relaysOf(database.db, clock);
  await database.clear();
});

const at = (time: string) => void (clock.now = new Date(time));

const set = (person: string, attributes: Record<string, Json>, options?: { backfill: boolean }) =>
  putPerson(database.db, person, attributes, options);

async function publish(id: string, trigger: object, rest: object = {}) {
  const { campaign, plan } = validateCampaign(
    { trigger: { type: 'date', ...trigger }, steps: [{ type: 'delay', for: '1h' }], ...rest },
    id,
  );
  await publishVersion(database.db, { ...campaign, id }, plan);
}

const start = (id: string) => changeCampaignState(database.db, id, ['new', 'stopped'], 'live');

const setState = (id: string, state: 'paused' | 'stopped') =>
  database.db.update(campaigns).set({ state }).where(eq(campaigns.id, id));

/** What is due, in order: `ada renewal 2027-05-10 at 2027-05-10T07:00:00.000Z`, with `fired` where it has. */
async function due(): Promise<string[]> {
  const rows = await database.db
    .select({ person: people.id, due: dueEntries })
    .from(dueEntries)
    .innerJoin(people, eq(people.key, dueEntries.personKey))
    .orderBy(asc(dueEntries.dueAt), asc(people.id));
  return rows.map(
    ({ person, due: { campaignId, occurrence, dueAt, firedAt } }) =>
      `${person} ${campaignId} ${occurrence} at ${dueAt.toISOString()}${firedAt ? ' fired' : ''}`,
  );
}

async function decided(): Promise<string[]> {
  const rows = await database.db
    .select({ person: people.id, campaign: outcomes.campaignId, cause: outcomes.cause, outcome: outcomes.outcome })
    .from(outcomes)
    .innerJoin(people, eq(people.key, outcomes.personKey))
    .orderBy(asc(outcomes.at), asc(people.id), asc(outcomes.cause));
  return rows.map(({ person, campaign, cause, outcome }) => `${person} ${campaign} ${cause} ${outcome}`);
}

describe('whoever changes a campaign while a page of its dates is under way', () => {
  it.each([
    ['publishes', () => publish('renewal', { attribute: 'renewal', time: '09:00' })],
    ['starts', async () => void (await changeCampaignState(database.db, 'renewal', ['paused'], 'live'))],
  ])('and %s it waits for the page, which goes on', async (_, change) => {
    const { db } = database;
    await set('ada', { renewal: '2027-05-10' });
    await publish('renewal', { attribute: 'renewal' });
    await start('renewal');
    await setState('renewal', 'paused');
    const release = await holdTransaction(db, (tx) =>
      tx.execute(sql`lock table due_entries in share row exclusive mode`),
    );
    const page = relays.sweepPage();
    await untilBlocked(db, 'hookline test');
    const changed = change();
    await untilBlocked(db, 'hookline test', 2);
    await release();
    expect(await page).toBe(1);
    await changed;
    await relays.sweep();
    expect(await due()).toEqual([expect.stringMatching(/^ada renewal 2027-05-10 at /)]);
  });
});

describe('a campaign that starts by dates', () => {
  it('takes up dates that are told as backfill where they are to come, and none that has passed', async () => {
    await publish('renewal', { attribute: 'renewal' });
    await start('renewal');
    await publish('birthday', { attribute: 'born', yearly: true });
    await start('birthday');
    await relays.settle();
    const dates: Record<string, Json> = { renewal: '2027-04-30T12:00:00Z', born: '1990-04-30T12:00:00Z' };
    await set('ada', dates, { backfill: true });
    await set('bob', { renewal: '2027-05-02' }, { backfill: true });
    await set('cyd', dates);
    await database.db.execute(sql`update attribute_changes set at = ${clock.now.toISOString()}::timestamptz`);
    // Their dates are found, and then due.
    for (let look = 0; look < 2; look += 1) await relays.settle();
    expect((await decided()).map((line) => line.split(' date/')[0])).toEqual(['cyd birthday', 'cyd renewal']);
    // Whoever finds the dates anew finds nothing else: by another version, or another zone.
    await publish('renewal', { attribute: 'renewal', timezone: 'person' });
    await set('ada', { timezone: 'Asia/Tokyo' });
    for (let look = 0; look < 2; look += 1) await relays.settle();
    expect(await decided()).toHaveLength(2);
    const kept = (await due()).filter((line) => !line.startsWith('cyd')).map((line) => line.split(' at ')[1]);
    const passed = '2027-04-30T12:00:00.000Z fired';
    expect(kept).toEqual([passed, passed, '2027-05-02T00:00:00.000Z', '2028-04-30T12:00:00.000Z']);
  });

  it('finds everybody who has a date when it is started, and each once when it is due', async () => {
    await set('ada', { renewal: '2027-05-10' });
    await set('bob', { renewal: 'soon' });
    await set('cyd', { renewal: '2027-05-10T12:00:00Z' });
    await set('dan', { renewal: '2027-04-20' });
    await publish('renewal', { attribute: 'renewal', offset: '-3d', time: '09:00' }, { timezone: 'Europe/Paris' });
    await relays.settle();
    expect(await due()).toEqual([]);
    await start('renewal');
    await relays.settle();
    expect(await due()).toEqual([
      'ada renewal 2027-05-10 at 2027-05-07T07:00:00.000Z',
      'cyd renewal 2027-05-10T12:00:00.000Z at 2027-05-07T07:00:00.000Z',
    ]);

    at('2027-05-07T06:59:59.999Z');
    await relays.settle();
    expect(await decided()).toEqual([]);
    at('2027-05-07T07:00:00Z');
    const others = [relays, relaysOf(database.db, clock), relaysOf(database.db, clock)];
    await Promise.all(others.map((relay) => relay.settle()));
    await relays.settle();
    expect((await decided()).toSorted()).toEqual([
      'ada renewal date/2027-05-10 entered',
      'cyd renewal date/2027-05-10T12:00:00.000Z entered',
    ]);
    relays.pass(DAY_MS);
    await relays.settle();
    expect(await decided()).toHaveLength(2);
  });

  it('follows the attribute as it comes, moves and goes', async () => {
    await publish('renewal', { attribute: 'renewal' }, { entry: { frequency: 'everyTime' } });
    await start('renewal');
    await relays.settle();
    await set('ada', { renewal: '2027-05-10', other: 1 });
    await set('bob', { renewal: '2027-05-11' });
    await relays.settle();
    await set('ada', { renewal: '2027-05-12' });
    await set('bob', { renewal: null });
    await relays.settle();
    expect(await due()).toEqual(['ada renewal 2027-05-12 at 2027-05-12T00:00:00.000Z']);
    at('2027-05-12T08:00:00Z');
    await relays.settle();
    await set('ada', { renewal: '2027-06-01' });
    await relays.settle();
    await set('ada', { renewal: '2027-05-12' });
    await relays.settle();
    expect(await due()).toEqual(['ada renewal 2027-05-12 at 2027-05-12T00:00:00.000Z fired']);
    expect(await decided()).toEqual(['ada renewal date/2027-05-12 entered']);
  });

  it('follows a person who moves to another zone, before it is due and behind', async () => {
    await publish('morning', { attribute: 'day', time: '09:00', timezone: 'person' });
    await publish('utc', { attribute: 'day', time: '09:00' });
    await start('morning');
    await start('utc');
    await set('ada', { day: '2027-05-10', timezone: 'America/New_York' });
    await relays.settle();
    expect(await due()).toEqual([
      'ada utc 2027-05-10 at 2027-05-10T09:00:00.000Z',
      'ada morning 2027-05-10 at 2027-05-10T13:00:00.000Z',
    ]);
    at('2027-05-10T03:00:00Z');
    await set('ada', { timezone: 'Asia/Tokyo' });
    await relays.match();
    await relays.settle();
    expect(await decided()).toEqual(['ada morning date/2027-05-10 entered']);
    await set('ada', { timezone: 'America/New_York' });
    at('2027-05-10T14:00:00Z');
    await relays.settle();
    expect((await decided()).toSorted()).toEqual([
      'ada morning date/2027-05-10 entered',
      'ada utc date/2027-05-10 entered',
    ]);
  });

  it('enters nobody more than 24 hours late, nor by a date that is theirs no more', async () => {
    await publish('renewal', { attribute: 'renewal' });
    await start('renewal');
    await set('ada', { renewal: '2027-05-10' });
    await set('bob', { renewal: '2027-05-11' });
    await set('cyd', { renewal: '2027-05-11' });
    await relays.settle();
    at('2027-05-11T00:00:01Z');
    await set('cyd', { renewal: '2027-08-01' });
    expect(await relays.fire()).toBe(3);
    expect(await relays.fire()).toBe(0);
    await relays.settle();
    expect(await decided()).toEqual(['bob renewal date/2027-05-11 entered']);
    expect((await due()).at(-1)).toBe('cyd renewal 2027-08-01 at 2027-08-01T00:00:00.000Z');
  });

  it('with yearly comes each year, also behind a year in which nobody looked', async () => {
    const entry = { frequency: 'everyTime' };
    await publish('birthday', { attribute: 'born', time: '09:00', yearly: true }, { entry });
    await set('ada', { born: '1988-02-29' });
    await start('birthday');
    for (const time of [
      '2027-05-01T00:00:00Z',
      '2028-02-29T09:30:00Z',
      '2029-02-28T10:00:00Z',
      '2030-07-01T00:00:00Z',
    ]) {
      at(time);
      await relays.settle();
      await relays.settle();
    }
    at('2031-02-28T09:00:00Z');
    await relays.settle();
    expect(await decided()).toEqual([
      'ada birthday date/2028-02-29 entered',
      'ada birthday date/2029-02-28 maxConcurrent',
      'ada birthday date/2031-02-28 maxConcurrent',
    ]);
  });

  it('is gone through anew when its definition changes, and when it is started again', async () => {
    await publish('renewal', { attribute: 'renewal' });
    await start('renewal');
    await set('ada', { renewal: '2027-05-10', expiry: '2027-06-10' });
    await set('bob', { renewal: '2027-05-02' });
    await relays.settle();
    await publish('renewal', { attribute: 'expiry' });
    await relays.settle();
    expect(await due()).toEqual(['ada renewal 2027-06-10 at 2027-06-10T00:00:00.000Z']);

    await setState('renewal', 'stopped');
    await set('ada', { expiry: '2027-07-01' });
    await set('bob', { expiry: '2027-07-02' });
    await relays.settle();
    await start('renewal');
    await relays.settle();
    expect(await due()).toEqual([
      'ada renewal 2027-07-01 at 2027-07-01T00:00:00.000Z',
      'bob renewal 2027-07-02 at 2027-07-02T00:00:00.000Z',
    ]);
    await setState('renewal', 'paused');
    at('2027-07-01T01:00:00Z');
    await relays.settle();
    await setState('renewal', 'stopped');
    at('2027-07-02T01:00:00Z');
    await relays.settle();
    await start('renewal');
    await relays.settle();
    expect(await decided()).toEqual(['ada renewal date/2027-07-01 paused', 'bob renewal date/2027-07-02 entered']);
  });

  it('fires once whatever is rolled back, however many are due and however many relays look', async () => {
    const { db } = database;
    await publish('renewal', { attribute: 'renewal' });
    await db.execute(sql`
      insert into people (key, id, attributes)
      select 'per_' || lpad(n::text, 8, '0'), 'p' || n, '{"renewal": "2027-05-10"}' from generate_series(1, 600) as n`);
    await start('renewal');
    const page = await holdTransaction(db, async (tx) => void (await relaysOf(tx, clock).sweepPage()));
    await page();
    await Promise.all([relays.sweep(), relaysOf(db, clock).sweep()]);
    expect(await due()).toHaveLength(600);
    at('2027-05-10T00:00:00Z');
    const firing = await holdTransaction(db, async (tx) => expect(await relaysOf(tx, clock).fire()).toBe(500));
    expect(await relays.fire()).toBe(0);
    await firing();
    const fired = await Promise.all([1, 2, 3].map(() => relays.fire()));
    let left = 600 - fired.reduce((sum, count) => sum + count, 0);
    for (let count = left; count > 0; left -= count) count = await relays.fire();
    expect(left).toBe(0);
    const items = await db.select({ key: inbox.personKey, type: inbox.type, subject: inbox.subject }).from(inbox);
    expect(new Set(items.map(({ key }) => key)).size).toBe(600);
    expect(new Set(items.map(({ type, subject }) => `${type} ${subject}`))).toEqual(
      new Set(['due renewal/2027-05-10']),
    );
    expect(items).toHaveLength(600);
    for (const { key } of items.slice(0, 10)) await relays.matchPerson(key);
    const told = await decided();
    expect(told.map((line) => line.replace(/^p\d+ /, ''))).toEqual(
      Array.from({ length: 10 }, () => 'renewal date/2027-05-10 entered'),
    );
  });
});
