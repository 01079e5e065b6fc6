import { asc, sql } from 'drizzle-orm';
import type { PgColumn, PgTable } from 'drizzle-orm/pg-core';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { countCampaign } from '../../db/campaign-counts.ts';
import { listCampaignTotals } from '../../db/campaign-totals.ts';
import type { Db } from '../../db/open.ts';
import { broadcasts, campaigns, entries, occurrences, outcomes } from '../../db/schema/campaigns.ts';
import { attempts, deliveries } from '../../db/schema/deliveries.ts';
import { jobs } from '../../db/schema/jobs.ts';
import { conversions, journeyLog, journeys, splitChoices, waits } from '../../db/schema/journeys.ts';
import { attributeChanges, events, inbox } from '../../db/schema/people.ts';
import { sends, webhooks } from '../../db/schema/webhooks.ts';
import { createRetention, type RetentionDependencies } from '../../relay/retention.ts';
import { createTestDatabase, type TestDatabase } from '../support/database.ts';
import { DAY_MS, oldRows } from '../support/old-rows.ts';

const NOW = new Date('2026-11-25T12:00:00Z');

let database: TestDatabase;
let db: Db;
let rows: ReturnType<typeof oldRows>;

beforeEach(async () => {
  database = await createTestDatabase();
  ({ db } = database);
  rows = oldRows(db, NOW);
  await rows.campaign();
  await rows.person('per_ada');
});
afterEach(() => database.close());

const retention = (others: Partial<RetentionDependencies> = {}) =>
  createRetention({
    ...{ db, now: () => NOW, signal: new AbortController().signal, pauseMs: 0 },
    ...{ retentionMs: 90 * DAY_MS, eventRetentionMs: null },
    ...others,
  });

/** A whole pass. */
async function pass(others: Partial<RetentionDependencies> = {}) {
  const look = retention(others);
  while ((await look()) > 0);
}

/** What is left, by the names at the end of ids. */
const left = async (table: PgTable, column: PgColumn) => {
  const found = await db.select({ id: column }).from(table).orderBy(asc(column));
  return found.map(({ id }) => String(id).split('-').at(-1) ?? '');
};
const journeysLeft = async () => (await left(journeys, journeys.id)).toSorted();
const deliveriesLeft = async () => (await left(deliveries, deliveries.id)).toSorted();
const eventsLeft = () => left(events, events.id);

describe('journeys', () => {
  it('go when they ended longer ago than they are kept, with all that is theirs', async () => {
    const old = await rows.journey('old', { began: 200, ended: 91 });
    await rows.delivery('sent', { made: 200, changed: 100, state: 'sent', journeyId: old });
    await db.insert(waits).values({ journeyId: old, stepId: 'pay', personKey: 'per_ada', kind: 'time', since: 0 });
    await rows.journey('recent', { began: 200, ended: 89 });
    await rows.journey('active', { began: 300, ended: null });
    await pass();
    expect(await journeysLeft()).toEqual(['active', 'recent']);
    expect(await left(journeyLog, journeyLog.journeyId)).toEqual(['active', 'recent']);
    expect(await db.select().from(waits)).toEqual([]);
    expect(await db.select().from(attempts)).toEqual([]);
  });

  it('stay while something of them is to be decided, is under way, or was sent again since', async () => {
    for (const state of ['drafted', 'approved', 'queued', 'attempted'] as const) {
      const journeyId = await rows.journey(state, { began: 200, ended: 180 });
      await rows.delivery(state, { made: 200, changed: 180, state, journeyId });
    }
    const again = await rows.journey('again', { began: 200, ended: 180 });
    await rows.delivery('again', { made: 200, changed: 10, state: 'sent', journeyId: again });
    const resent = await rows.journey('resent', { began: 200, ended: 180 });
    await rows.resend(await rows.delivery('resent', { made: 200, changed: 180, state: 'failed', journeyId: resent }));
    await pass();
    expect(await journeysLeft()).toEqual(['again', 'approved', 'attempted', 'drafted', 'queued', 'resent']);
    expect(await db.select().from(attempts)).toHaveLength(6);
  });

  it('stay while they may still reach their goal', async () => {
    const goal = { began: 200, ended: 199, goalEvent: 'bought' };
    await rows.journey('open', { ...goal, goalUntil: rows.ago(-100) });
    await rows.journey('over', { ...goal, goalUntil: rows.ago(100) });
    await pass();
    expect(await journeysLeft()).toEqual(['open']);
  });

  it('leave who entered, conversions and the variants of splits behind', async () => {
    const journeyId = await rows.journey('old', { began: 200, ended: 180 });
    const own = { campaignId: 'tour', personKey: 'per_ada' };
    await db.insert(entries).values({ ...own, cause: 'event/old', once: true, journeyId });
    await db.insert(conversions).values({ ...own, journeyId, eventId: 'evt_1', at: rows.ago(190) });
    await db.insert(splitChoices).values({ ...own, journeyId, splitId: 'test', variant: 'a' });
    await pass();
    expect(await journeysLeft()).toEqual([]);
    for (const table of [entries, conversions, splitChoices]) expect(await db.select().from(table)).toHaveLength(1);
    await db.execute(sql`delete from people`);
    for (const table of [entries, conversions, splitChoices]) expect(await db.select().from(table)).toEqual([]);
  });

  it('that go on keep states and answers, and lose requests and attempts', async () => {
    const journeyId = await rows.journey('year-long', { began: 300, ended: null });
    await rows.delivery('first', { made: 299, changed: 299, state: 'sent', journeyId });
    await rows.delivery('later', { made: 299, changed: 10, state: 'sent', journeyId, stepId: 'later' });
    await pass();
    const [first, later] = await db.select().from(deliveries).orderBy(asc(deliveries.id));
    expect(first).toMatchObject({ state: 'sent', frozen: null, request: null, answer: Buffer.from('sealed') });
    expect(first?.updatedAt).toEqual(rows.ago(299));
    expect(later).toMatchObject({ frozen: Buffer.from('sealed') });
    expect(await left(attempts, attempts.id)).toEqual(['later']);
  });

  it('are still counted', async () => {
    await db.execute(sql`
      insert into campaign_versions (campaign_id, version, definition, plan) values ('tour', 1, '{"steps": []}', '{"steps": []}')`);
    for (const [name, state] of [
      ['one', 'sent'],
      ['two', 'sent'],
      ['three', 'failed'],
    ] as const) {
      const journeyId = await rows.journey(name, { began: 200, ended: 180 });
      await rows.delivery(name, { made: 200, changed: 180, state, journeyId });
      await rows.outcome(`event/${name}`, { days: 200, outcome: 'entered', journeyId });
    }
    await rows.journey('left', { began: 200, ended: 180, state: 'exited' });
    await rows.outcome('event/four', { days: 200, outcome: 'frequency' });
    const before = await countCampaign(db, 'tour');
    await pass();
    await db.execute(sql`delete from purges`);
    await pass();
    expect(await countCampaign(db, 'tour')).toEqual(before);
    expect(before?.counts.journeys).toEqual({ active: 0, completed: 3, exited: 1 });
    expect(await listCampaignTotals(db, 'tour')).toEqual([
      { kind: 'delivery', name: 'tell', state: 'failed', count: 1 },
      { kind: 'delivery', name: 'tell', state: 'sent', count: 2 },
      { kind: 'ended', name: 'completed', state: '', count: 3 },
      { kind: 'ended', name: 'exited', state: '', count: 1 },
      { kind: 'outcome', name: 'entered', state: '', count: 3 },
      { kind: 'outcome', name: 'frequency', state: '', count: 1 },
      { kind: 'step', name: 'tell', state: '', count: 4 },
    ]);
  });
});

describe('what belongs to no journey', () => {
  it('goes by its age: deliveries of sends, outcomes, changes of attributes', async () => {
    await rows.delivery('old', { made: 200, changed: 180, state: 'sent' });
    await rows.delivery('under-way', { made: 200, changed: 180, state: 'attempted' });
    await rows.delivery('recent', { made: 200, changed: 80, state: 'failed' });
    const journeyId = await rows.journey('active', { began: 200, ended: null });
    await rows.outcome('event/why', { days: 200, outcome: 'entered', journeyId });
    await rows.outcome('event/old', { days: 91, outcome: 'paused' });
    await rows.outcome('event/recent', { days: 89, outcome: 'paused' });
    for (const days of [200, 100, 80]) await rows.change(days);
    await db.insert(inbox).values({ personKey: 'per_ada', number: 2, type: 'change', subject: '' });
    await pass();
    expect(await deliveriesLeft()).toEqual(['recent', 'way']);
    expect(await left(outcomes, outcomes.cause)).toEqual(['event/recent', 'event/why']);
    expect(await left(attributeChanges, attributeChanges.number)).toEqual(['2', '3']);
  });

  it('goes by its age also of somebody into whom another one was merged: changes of theirs stand in front', async () => {
    for (const days of [1, 200, 80]) await rows.change(days);
    await pass();
    expect(await left(attributeChanges, attributeChanges.number)).toEqual(['1', '3']);
  });

  it('goes when nothing refers to it: sends, broadcasts, jobs', async () => {
    await db.insert(webhooks).values({ id: 'hook', version: 1 });
    for (const [days, name] of [
      [100, 'old'],
      [100, 'used'],
      [80, 'recent'],
    ] as const) {
      const createdAt = rows.ago(days);
      const once = { requestHash: '', data: {}, createdAt };
      await db.insert(sends).values({ ...once, id: rows.id('snd', days, name), webhookId: 'hook', deliveries: [] });
      await db.insert(broadcasts).values({
        ...once,
        id: rows.id('brd', days, name),
        campaignId: 'tour',
        version: 1,
        selected: 1,
        endedAt: createdAt,
      });
      const by = { key: 'admin', actor: null };
      const task = { type: 'approve', reason: null } as const;
      await db.insert(jobs).values({ id: rows.id('job', days, name), task, by, matched: 1, endedAt: createdAt });
    }
    const open = rows.id('brd', 100, 'running');
    await db
      .insert(broadcasts)
      .values({ id: open, campaignId: 'tour', version: 1, selected: 1, requestHash: '', data: {} });
    await rows.delivery('used', { made: 100, changed: 80, state: 'sent', sendId: rows.id('snd', 100, 'used') });
    await rows.journey('used', { began: 100, ended: null, broadcastId: rows.id('brd', 100, 'used') });
    await pass();
    expect((await left(sends, sends.id)).toSorted()).toEqual(['recent', 'used']);
    expect((await left(broadcasts, broadcasts.id)).toSorted()).toEqual(['recent', 'running', 'used']);
    expect(await left(jobs, jobs.id)).toEqual(['recent']);
  });
});

describe('when schedules went off', () => {
  const schedule = (localTime: string, zone: string, state: 'fired' | 'missed' | 'due', campaignId = 'tour') => ({
    ...{ campaignId, localTime, zone, state },
    dueAt: new Date(`${localTime}:00Z`),
  });

  it('goes, but for the last time in each zone, from which the next is computed, and what is to come', async () => {
    await db.insert(campaigns).values({ id: 'walk', state: 'live', version: 1, triggerType: 'schedule' });
    const days = Array.from({ length: 450 }, (_, day) =>
      new Date(Date.UTC(2025, 0, day + 1, 9)).toISOString().slice(0, 16),
    );
    await db
      .insert(occurrences)
      .values([
        schedule('2026-01-01T09:00', 'UTC', 'fired'),
        schedule('2026-02-01T09:00', 'UTC', 'missed'),
        schedule('2026-03-01T09:00', 'UTC', 'fired'),
        schedule('2026-12-01T09:00', 'UTC', 'due'),
        schedule('2026-01-01T09:00', 'Europe/Paris', 'fired'),
        schedule('2026-01-01T09:00', 'Asia/Tokyo', 'fired'),
        schedule('2026-11-01T09:00', 'Asia/Tokyo', 'fired'),
        schedule('2026-11-20T09:00', 'Asia/Tokyo', 'fired'),
        ...days.map((day) => schedule(day, 'UTC', 'fired', 'walk')),
      ]);
    await pass();
    const found = await db
      .select()
      .from(occurrences)
      .orderBy(occurrences.campaignId, occurrences.zone, occurrences.dueAt);
    expect(found.map(({ campaignId, zone, localTime }) => `${campaignId} ${zone} ${localTime}`)).toEqual([
      'tour Asia/Tokyo 2026-11-01T09:00',
      'tour Asia/Tokyo 2026-11-20T09:00',
      'tour Europe/Paris 2026-01-01T09:00',
      'tour UTC 2026-03-01T09:00',
      'tour UTC 2026-12-01T09:00',
      'walk UTC 2026-03-26T09:00',
    ]);
  });
});

describe('events', () => {
  const forAMonth = { eventRetentionMs: 28 * DAY_MS };

  it('stay for ever where nothing is said of them, and go by the later of their times where it is', async () => {
    await rows.event('old', { days: 29, number: 1 });
    await rows.event('backfilled', { days: 27, happened: 400, number: 2 });
    await rows.event('predated', { days: 29, happened: 27, number: 3 });
    await pass();
    expect(await eventsLeft()).toEqual(['backfilled', 'old', 'predated']);
    await db.execute(sql`delete from purges`);
    await pass(forAMonth);
    expect(await eventsLeft()).toEqual(['backfilled', 'predated']);
  });

  it('stay that a journey needs, or the relay', async () => {
    for (const number of [1, 2, 3, 4, 5]) await rows.event(`ada-${number}`, { days: 40, number });
    await rows.journey('ended', { began: 40, ended: 39, eventId: 'ada-1' });
    const waited = await rows.journey('waited', { began: 40, ended: 39 });
    const wait = { personKey: 'per_ada', stepId: 'pay', kind: 'event', since: 0, eventId: 'ada-2' } as const;
    await db.insert(waits).values({ ...wait, journeyId: waited });
    await rows.journey('active', { began: 40, ended: null, entryPosition: 4 });
    await rows.person('per_bob');
    await rows.event('bob-1', { days: 40, number: 1, person: 'per_bob' });
    await db.insert(inbox).values({ personKey: 'per_bob', number: 1, type: 'event', subject: 'bob-1' });
    await pass(forAMonth);
    expect(await eventsLeft()).toEqual(['1', '2', '4', '5', '1']);
  });
});

describe('without an age', () => {
  it('nothing goes, or events alone', async () => {
    await rows.journey('old', { began: 900, ended: 900 });
    await rows.event('old', { days: 900, number: 1 });
    await pass({ retentionMs: null });
    expect(await eventsLeft()).toEqual(['old']);
    await pass({ retentionMs: null, eventRetentionMs: 28 * DAY_MS });
    expect(await eventsLeft()).toEqual([]);
    expect(await journeysLeft()).toEqual(['old']);
  });
});
