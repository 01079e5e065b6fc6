import { desc, eq, isNull, sql } from 'drizzle-orm';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { entries, outcomes } from '../../db/schema/campaigns.ts';
import { journeys } from '../../db/schema/journeys.ts';
import { events, inbox } from '../../db/schema/people.ts';
import { createRetention } from '../../relay/retention.ts';
import { eventually } from '../support/eventually.ts';
import { startHookline, type Hookline } from '../support/hookline.ts';
import { DAY_MS } from '../support/old-rows.ts';

let hookline: Hookline;

beforeAll(async () => {
  hookline = await startHookline({ worker: false, relays: 4 });
});
afterAll(() => hookline.stop());

const steps = [{ type: 'delay', for: '1h' }];

/** Posts all at once, each in a request of its own. */
const postEach = (list: object[]) => Promise.all(list.map((event) => hookline.api('POST', '/v1/events', event)));

/** The outcomes of one campaign in the order of the person's own numbers, once nothing waits for the relays any more. */
async function decided(campaign: string) {
  const { db } = hookline.database;
  await eventually(async () => (await db.select().from(inbox).limit(1)).length === 0);
  return db
    .select({ number: events.number, data: events.data, outcome: outcomes.outcome, journey: outcomes.journeyId })
    .from(outcomes)
    .innerJoin(events, eq(sql`'event/' || ${events.id}`, outcomes.cause))
    .where(eq(outcomes.campaignId, campaign))
    .orderBy(events.number);
}

const range = (count: number) => Array.from({ length: count }, (_, index) => index);

describe('several relays', () => {
  it("take one person's events in their order, those of one request and those of many", async () => {
    const where = { 'event.on': true };
    await hookline.publish('ordered', { trigger: { type: 'event', event: 'flipped', where }, steps });
    const lists = range(20).map((list) =>
      range(10).map((step) => ({ person: 'orla', name: 'flipped', data: { list, step, on: step % 2 === 0 } })),
    );
    await Promise.all(lists.map((list) => hookline.api('POST', '/v1/events', list)));

    const rows = await decided('ordered');
    expect(rows.map((row) => row.number)).toEqual(range(200).map((index) => index + 1));
    expect(rows.map((row) => row.outcome)).toEqual(rows.map((row) => (row.data['on'] ? 'entered' : 'whereFalse')));
    // Ids sort by the time they were made.
    const began = rows.flatMap((row) => row.journey ?? []);
    expect(began).toEqual(began.toSorted());
    for (const list of range(20)) {
      const own = rows.filter((row) => row.data['list'] === list).map((row) => row.data['step']);
      expect(own).toEqual(range(10));
    }
  });

  it('let a person in once, however many events come at the same moment', async () => {
    const entry = { frequency: 'once' };
    await hookline.publish('once', { trigger: { type: 'event', event: 'arrived' }, entry, steps });
    await postEach(range(100).map(() => ({ person: 'onno', name: 'arrived' })));

    const rows = await decided('once');
    expect(rows.map((row) => row.outcome)).toEqual(['entered', ...range(99).map(() => 'frequency')]);
    const journeysOfOnce = hookline.database.db.select().from(journeys).where(eq(journeys.campaignId, 'once'));
    expect(await journeysOfOnce).toHaveLength(1);
  });

  it('let each event in once where every one counts, however often it is repeated', async () => {
    await hookline.publish('every-time', { trigger: { type: 'event', event: 'bought' }, steps });
    const answers = await postEach(
      range(120).map((index) => ({ id: `buy-${index % 40}`, person: `buyer-${index % 4}`, name: 'bought' })),
    );
    expect(answers.map((answer) => answer.status)).toEqual(range(120).map(() => 202));

    const rows = await decided('every-time');
    expect(rows.map((row) => row.outcome)).toEqual(range(40).map(() => 'entered'));
    expect(new Set(rows.map((row) => row.journey)).size).toBe(40);
  });

  it('keep a person in one journey at a time, and let them in again when it has ended', async () => {
    const entry = { maxConcurrent: 1 };
    await hookline.publish('single', { trigger: { type: 'event', event: 'knocked' }, entry, steps });
    await postEach(range(100).map(() => ({ person: 'una', name: 'knocked' })));
    const rows = await decided('single');
    expect(rows.map((row) => row.outcome)).toEqual(['entered', ...range(99).map(() => 'maxConcurrent')]);

    const { db } = hookline.database;
    const ended = await db
      .update(journeys)
      .set({ state: 'completed', endedAt: new Date() })
      .where(eq(journeys.campaignId, 'single'))
      .returning({ endedAt: journeys.endedAt });
    expect(ended).toHaveLength(1);
    await postEach([{ person: 'una', name: 'knocked' }]);
    expect((await decided('single')).at(-1)).toMatchObject({ outcome: 'entered' });
    const running = await db.select().from(journeys).where(isNull(journeys.endedAt));
    expect(running.filter((journey) => journey.campaignId === 'single')).toHaveLength(1);
  });

  it('let a person in once per span of time, which begins with their latest entry', async () => {
    const { db } = hookline.database;
    const entry = { frequency: { oncePer: '1h' } };
    await hookline.publish('hourly', { trigger: { type: 'event', event: 'rang' }, entry, steps });
    const ring = (count: number) => postEach(range(count).map(() => ({ person: 'ravi', name: 'rang' })));
    const entered = () => db.select().from(entries).where(eq(entries.campaignId, 'hourly')).orderBy(entries.createdAt);
    await ring(20);
    expect((await decided('hourly')).map((row) => row.outcome)).toEqual([
      'entered',
      ...range(19).map(() => 'frequency'),
    ]);
    const [first] = await entered();
    const age = (minutes: number) =>
      db.execute(sql`
        update entries set created_at = created_at - ${minutes} * interval '1 min' where campaign_id = 'hourly'`);
    await age(59);
    await ring(1);
    expect((await decided('hourly')).at(-1)).toMatchObject({ outcome: 'frequency', journey: null });
    const [refused] = await db
      .select()
      .from(outcomes)
      .where(eq(outcomes.campaignId, 'hourly'))
      .orderBy(desc(outcomes.at));
    const at = (first?.createdAt.getTime() ?? 0) - 59 * 60_000;
    expect(refused?.values).toEqual({
      journey: first?.journeyId,
      at: new Date(at).toISOString(),
      again: new Date(at + 3_600_000).toISOString(),
    });
    await age(1);
    await ring(20);
    expect((await decided('hourly')).slice(21).map((row) => row.outcome)).toEqual([
      'entered',
      ...range(19).map(() => 'frequency'),
    ]);
    expect(await entered()).toHaveLength(2);
  });

  it('know who has entered a campaign once, though the journey is long gone', async () => {
    const { db } = hookline.database;
    const entry = { frequency: 'once' };
    await hookline.publish('ever', { trigger: { type: 'event', event: 'joined' }, entry, steps });
    await postEach([{ person: 'sol', name: 'joined' }]);
    expect(await decided('ever')).toMatchObject([{ outcome: 'entered' }]);
    const ofEver = eq(journeys.campaignId, 'ever');
    await db.update(journeys).set({ state: 'completed', endedAt: new Date() }).where(ofEver);
    const inHalfAYear = () => new Date(Date.now() + 180 * DAY_MS);
    const { signal } = new AbortController();
    const times = { retentionMs: 90 * DAY_MS, eventRetentionMs: 90 * DAY_MS };
    const look = createRetention({ db, now: inHalfAYear, signal, pauseMs: 0, ...times });
    while ((await look()) > 0);
    expect(await db.select().from(journeys).where(ofEver)).toEqual([]);
    expect(await decided('ever')).toEqual([]);

    await postEach(range(10).map(() => ({ person: 'sol', name: 'joined' })));
    expect((await decided('ever')).map((row) => row.outcome)).toEqual(range(10).map(() => 'frequency'));
    expect(await db.select().from(journeys).where(ofEver)).toEqual([]);
  });
});

describe('an event that a condition counts', () => {
  it('is counted with those before it and none after it, however many are stored by then', async () => {
    const where = { performed: { event: 'bought', where: { 'event.total': { gte: 10 } }, count: { eq: 2 } } };
    await hookline.publish('second', { trigger: { type: 'event', event: 'bought', where }, steps });
    const totals = [10, 5, 10, 5, 10];
    await hookline.api(
      'POST',
      '/v1/events',
      totals.map((total) => ({ person: 'bob', name: 'bought', data: { total } })),
    );
    expect((await decided('second')).map(({ outcome }) => outcome)).toEqual([
      'whereFalse',
      'whereFalse',
      'entered',
      'entered',
      'whereFalse',
    ]);
  });
});
