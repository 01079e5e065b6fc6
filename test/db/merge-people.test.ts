import { asc, eq, sql } from 'drizzle-orm';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { shownCause } from '../../api/shown-cause.ts';
import { insertDelivery } from '../../db/deliveries.ts';
import { ingestEvents } from '../../db/events.ts';
import { newId } from '../../db/id.ts';
import { mergePeople } from '../../db/merge-people.ts';
import type { Db } from '../../db/open.ts';
import { findPerson, putPerson } from '../../db/people.ts';
import { dueEntries, entries, outcomes, campaigns } from '../../db/schema/campaigns.ts';
import { deliveries } from '../../db/schema/deliveries.ts';
import { conversions, journeys, waits } from '../../db/schema/journeys.ts';
import { attributeChanges, events, inbox, waiting } from '../../db/schema/people.ts';
import { segmentMembers } from '../../db/schema/segments.ts';
import { unfitSegments } from '../../domain/segment/unfit-segments.ts';
import { createTestDatabase, type TestDatabase } from '../support/database.ts';

let database: TestDatabase;
let db: Db;
/** Of the person who is merged, and of the one into whom. */
let old: string;
let kept: string;

beforeEach(async () => {
  database = await createTestDatabase();
  ({ db } = database);
  old = (await putPerson(db, 'old', {})).key;
  kept = (await putPerson(db, 'kept', {})).key;
});
afterEach(() => database.close());

const byText = (a: object, b: object) => JSON.stringify(a).localeCompare(JSON.stringify(b));
const merge = () => mergePeople(db, 'old', 'kept', unfitSegments);
const keyOf = (person: string) => (person === 'old' ? old : kept);
/** Something that a person did at a second of the day; `matched` unless it still waits for the relay. */
async function did(person: string, number: number, second: number, { matched = true } = {}) {
  const at = new Date(Date.UTC(2026, 0, 1) + second * 1000);
  const id = `${person}-${number}`;
  await db
    .insert(events)
    .values({ id, personKey: keyOf(person), number, name: 'did', data: {}, timestamp: at, receivedAt: at });
  if (!matched) await db.insert(inbox).values({ personKey: keyOf(person), number, type: 'event', subject: id });
  await db.execute(sql`update people set last_number = greatest(last_number, ${number}) where key = ${keyOf(person)}`);
}
async function journeyOf(person: string, position: number, more: Partial<typeof journeys.$inferInsert> = {}) {
  const id = newId('jrn');
  const places = { entryPosition: position, position, ...more };
  const about = { campaignId: 'tour', version: 1, personKey: keyOf(person), cause: `event/${id}` };
  await db.insert(journeys).values({ ...about, state: 'waiting', id, ...places });
  return id;
}
const eventIds = async () =>
  (await db.select().from(events).where(eq(events.personKey, kept)).orderBy(asc(events.number))).map(({ id }) => id);
/** What a journey sees that looks on from its place. */
async function seenBy(journey: string) {
  const [row] = await db.select().from(journeys).where(eq(journeys.id, journey));
  const all = await db.select().from(events).where(eq(events.personKey, kept)).orderBy(asc(events.number));
  return all.filter(({ number }) => number > (row?.position ?? NaN)).map(({ id }) => id);
}

describe('the order of a person into whom another one was merged', () => {
  it('has what is old of the other before all, what waits behind all, and goes on behind that', async () => {
    for (const number of [1, 2, 3]) await did('old', number, number * 10);
    await did('old', 4, 40, { matched: false });
    for (const number of [1, 2]) await did('kept', number, number);
    await did('kept', 3, 50, { matched: false });
    await merge();
    expect(await eventIds()).toEqual(['old-1', 'old-2', 'old-3', 'kept-1', 'kept-2', 'kept-3', 'old-4']);
    const [last] = await db.select().from(events).where(eq(events.id, 'old-4'));
    const items = await db.select().from(inbox).orderBy(asc(inbox.number));
    const number = last?.number ?? NaN;
    expect(items).toMatchObject([
      { subject: 'kept-3', number: number - 1 },
      { subject: 'old-4', number, personKey: kept },
      { type: 'recheck', number: number + 1 },
    ]);
    expect((await findPerson(db, 'kept'))?.lastNumber).toBe(number + 1);
    expect(await db.select().from(waiting)).toMatchObject([{ personKey: kept, lane: 0 }]);
  });

  it('stays one over several merges', async () => {
    for (const number of [1, 2]) await did('old', number, number);
    for (const number of [1, 2]) await did('kept', number, number);
    await merge();
    const first = kept;
    kept = (await putPerson(db, 'last', {})).key;
    await db.execute(sql`
      insert into events (id, person_key, number, name, data, timestamp, received_at)
      values ('last-1', ${kept}, 1, 'did', '{}', now(), now())`);
    await mergePeople(db, 'kept', 'last', unfitSegments);
    expect(await eventIds()).toEqual(['old-1', 'old-2', 'kept-1', 'kept-2', 'last-1']);
    expect(await db.select().from(events).where(eq(events.personKey, first))).toEqual([]);
  });

  it('has what a journey may still look for at its time, so that each journey sees its own and nothing older', async () => {
    await did('old', 1, 10);
    const early = await journeyOf('old', 1);
    await did('kept', 1, 15);
    await did('kept', 2, 20);
    const own = await journeyOf('kept', 2);
    await did('old', 2, 30);
    await did('kept', 3, 40);
    await did('old', 3, 50);
    const late = await journeyOf('old', 3);
    await merge();
    expect(await eventIds()).toEqual(['old-1', 'kept-1', 'kept-2', 'old-2', 'kept-3', 'old-3']);
    expect(await seenBy(early)).toEqual(['old-2', 'kept-3', 'old-3']);
    expect(await seenBy(own)).toEqual(['kept-3', 'old-3']);
    expect(await seenBy(late)).toEqual([]);
    await ingestEvents(db, [{ id: 'new', person: 'kept', name: 'did', data: {}, backfill: false }]);
    for (const journey of [late, own, early]) expect((await seenBy(journey)).at(-1)).toBe('new');
  });

  it('keeps the order of each person where clocks disagree', async () => {
    const journey = await journeyOf('old', 0);
    await did('old', 1, 30);
    await did('old', 2, 10);
    await did('kept', 1, 20);
    await did('kept', 2, 5);
    await merge();
    const ids = await eventIds();
    expect(ids.filter((id) => id.startsWith('old'))).toEqual(['old-1', 'old-2']);
    expect(ids.filter((id) => id.startsWith('kept'))).toEqual(['kept-1', 'kept-2']);
    expect((await seenBy(journey)).filter((id) => id.startsWith('old'))).toEqual(['old-1', 'old-2']);
  });

  it('hides from a journey what had been stored before its attempt began, though it still waits for the relay', async () => {
    await did('old', 1, 10);
    await did('old', 2, 20, { matched: false });
    await did('old', 3, 30, { matched: false });
    const sending = await journeyOf('old', 1, { position: 2 });
    const idle = await journeyOf('kept', 0);
    await merge();
    expect(await seenBy(sending)).toEqual(['old-3']);
    expect(await seenBy(idle)).toEqual(['old-2', 'old-3']);
  });

  it('moves the places of waits and deliveries along', async () => {
    await did('kept', 1, 1);
    await did('old', 1, 10);
    const journeyId = await journeyOf('old', 1);
    await did('old', 2, 20);
    const wait = { journeyId, personKey: old, kind: 'event' as const, eventName: 'did' };
    await db.insert(waits).values([
      { ...wait, stepId: 'first', since: 1, outcome: 'event', position: 2 },
      { ...wait, stepId: 'second', since: 2 },
    ]);
    const mapping = { state: 'none' as const, attributes: {}, error: null };
    const delivery = { id: newId('dlv'), personKey: old, journeyId, stepId: 'tell', state: 'sent' as const };
    await insertDelivery(db, { ...delivery, missing: [], mapping, timeoutMs: 1, position: 1 });
    await merge();
    const numbers = new Map((await db.select().from(events)).map(({ id, number }) => [id, number]));
    const second = numbers.get('old-2') ?? NaN;
    expect(await db.select().from(waits).orderBy(waits.stepId)).toMatchObject([
      { personKey: kept, since: second - 1, position: second },
      { personKey: kept, since: second, position: null },
    ]);
    expect(await db.select().from(deliveries)).toMatchObject([{ personKey: kept, position: second - 1 }]);
  });
});

describe('what a merge takes along', () => {
  it('is everything: no row of any table names the person who is gone', async () => {
    await db.execute(sql`insert into segments (id, version, condition) values ('gold', 1, '{}'), ('both', 1, '{}')`);
    await db
      .insert(campaigns)
      .values({ id: 'tour', state: 'live', version: 1, triggerType: 'date', triggerName: 'birthday' });
    await did('old', 1, 1);
    await did('old', 2, 2, { matched: false });
    const journeyId = await journeyOf('old', 1);
    await db.insert(segmentMembers).values([
      { segmentId: 'gold', personKey: old },
      { segmentId: 'both', personKey: old, since: new Date(1) },
      { segmentId: 'both', personKey: kept, since: new Date(2) },
    ]);
    const one = { campaignId: 'tour', version: 1, outcome: 'entered' as const, reason: '', values: {} };
    await db.insert(outcomes).values([
      { ...one, cause: 'event/1', personKey: old },
      { ...one, cause: 'broadcast/1', personKey: old, reason: 'of old' },
      { ...one, cause: 'broadcast/1', personKey: kept, reason: 'of kept' },
    ]);
    const entry = { campaignId: 'tour', journeyId };
    await db.insert(entries).values([
      { ...entry, cause: 'event/1', once: false, personKey: old },
      { ...entry, cause: 'event/2', once: true, personKey: old },
      { ...entry, cause: 'event/3', once: true, personKey: kept },
      { ...entry, cause: 'event/2', once: true, personKey: old, campaignId: 'other' },
    ]);
    const due = { campaignId: 'tour', dueAt: new Date(), personKey: old };
    await db.insert(dueEntries).values([
      { ...due, occurrence: '2026-01-01' },
      { ...due, occurrence: '2026-01-02' },
      { ...due, occurrence: '2026-01-02', personKey: kept, firedAt: new Date(5) },
    ]);
    await db
      .insert(conversions)
      .values({ journeyId, campaignId: 'tour', personKey: old, eventId: 'old-1', at: new Date() });
    await db.insert(inbox).values([
      { personKey: old, number: 3, type: 'segment', subject: 'gold/enter' },
      { personKey: old, number: 4, type: 'segment', subject: 'both/enter' },
      { personKey: old, number: 5, type: 'due', subject: 'tour/2026-01-01' },
      { personKey: old, number: 6, type: 'due', subject: 'tour/2026-01-02' },
      { personKey: old, number: 7, type: 'recheck', subject: '' },
    ]);
    await merge();

    const columns = await db.execute<{ table: string }>(sql`
      select table_name as table from information_schema.columns where column_name = 'person_key' and table_schema = 'public'`);
    expect(columns.length).toBeGreaterThan(10);
    for (const { table } of columns) {
      const named = await db.execute(sql`select 1 from ${sql.identifier(table)} where person_key = ${old}`);
      expect([table, named.length]).toEqual([table, 0]);
    }
    expect(await findPerson(db, 'old')).toBeUndefined();
    const members = await db.select().from(segmentMembers).orderBy(segmentMembers.segmentId);
    expect(members).toMatchObject([{ segmentId: 'both', since: new Date(2) }, { segmentId: 'gold' }]);
    expect((await db.select().from(outcomes).orderBy(outcomes.cause)).map(({ reason }) => reason)).toEqual([
      'of kept',
      'of old',
      '',
    ]);
    const entered = await db.select().from(entries).orderBy(entries.campaignId, entries.cause);
    expect(entered.map(({ campaignId, cause, once }) => [campaignId, cause, once])).toEqual([
      ['other', 'event/2', true],
      ['tour', 'event/1', false],
      ['tour', 'event/2', false],
      ['tour', 'event/3', true],
    ]);
    expect(await db.select().from(dueEntries).orderBy(dueEntries.occurrence)).toMatchObject([
      { occurrence: '2026-01-01', firedAt: null },
      { occurrence: '2026-01-02', firedAt: new Date(5) },
    ]);
    const items = await db.select().from(inbox).orderBy(asc(inbox.number));
    expect(items.map(({ type, subject }) => `${type} ${subject}`)).toEqual([
      'event old-2',
      'segment gold/enter',
      'due tour/2026-01-01',
      'recheck ',
    ]);
  });

  it('is also what began by the same for both, or by a change or a segment of the same number', async () => {
    const causes = ['attribute/plan/1', 'segment/gold/enter/1', 'date/2026-03-01'];
    const of = (personKey: string, journeyId: string) => ({ campaignId: 'tour', personKey, journeyId, once: false });
    for (const cause of causes) {
      for (const person of ['kept', 'old']) {
        const row = { ...of(keyOf(person), await journeyOf(person, 1, { cause })), cause };
        await db.insert(entries).values(row);
        await db.insert(outcomes).values({ ...row, version: 1, outcome: 'entered', reason: '', values: {} });
      }
    }
    await merge();
    for (const table of [entries, outcomes, journeys]) {
      const rows = await db.select({ cause: table.cause }).from(table).where(eq(table.personKey, kept));
      expect(rows.map(({ cause }) => shownCause({ cause, broadcastId: null })).toSorted(byText)).toEqual([
        { type: 'attribute', id: 'plan' },
        { type: 'attribute', id: 'plan' },
        { type: 'date', id: '2026-03-01' },
        { type: 'date', id: '2026-03-01' },
        { type: 'segment', id: 'gold', change: 'enter' },
        { type: 'segment', id: 'gold', change: 'enter' },
      ]);
    }
  });

  it('is the attributes that the other lacks, as a change that begins nothing, and that nothing is sent', async () => {
    await putPerson(db, 'old', { plan: 'free', zip: '75001', tags: ['a'] });
    await putPerson(db, 'kept', { plan: 'gold' });
    await db.execute(sql`update people set suppressed = true where id = 'old'`);
    expect(await merge()).toMatchObject({
      id: 'kept',
      suppressed: true,
      attributes: { plan: 'gold', zip: '75001', tags: ['a'] },
    });
    const [change] = await db
      .select()
      .from(attributeChanges)
      .where(sql`cause->>'type' = 'merge'`);
    expect(change).toMatchObject({
      backfill: true,
      changes: { zip: { from: null, to: '75001' }, tags: { from: null, to: ['a'] } },
    });
  });

  it('is nothing where the attributes would be too large together', async () => {
    await putPerson(db, 'old', { a: 'x'.repeat(40_000) });
    await putPerson(db, 'kept', { b: 'x'.repeat(40_000) });
    await did('old', 3, 1);
    await expect(merge()).rejects.toMatchObject({ code: 'people.too_large' });
    expect(await findPerson(db, 'old')).toMatchObject({ key: old });
    expect(await eventIds()).toEqual([]);
  });

  it('says who is not there', async () => {
    expect(await mergePeople(db, 'nobody', 'kept', unfitSegments)).toBe('nobody');
    expect(await mergePeople(db, 'kept', 'nobody', unfitSegments)).toBe('noInto');
    await merge();
    expect(await merge()).toBe('nobody');
  });
});
