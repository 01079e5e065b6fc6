import { eq, sql } from 'drizzle-orm';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { findPerson, putPerson } from '../../db/people.ts';
import { journeys, waits } from '../../db/schema/journeys.ts';
import { inbox } from '../../db/schema/people.ts';
import { segmentMembers } from '../../db/schema/segments.ts';
import { deleteSegment } from '../../db/segments.ts';
import { holdTransaction } from '../support/locks.ts';
import { relaysOf } from '../support/relays.ts';
import { startSegments, type TestSegments } from '../support/segments.ts';

const DAY_MS = 86_400_000;

let test: TestSegments;

beforeAll(async () => {
  test = await startSegments();
});
afterAll(() => test.close());
beforeEach(() => test.clear());

const isGold = { 'customer.plan': 'gold' };

describe('while a segment is filled for the first time', () => {
  it('a change that was stored behind its making is told, whoever comes first, and what was before is not', async () => {
    for (const person of ['ada', 'bob', 'cyd', 'dan'])
      await test.set(person, { plan: person === 'dan' ? 'gold' : 'free' });
    for (const first of ['match', 'sweep'] as const) {
      const id = `${first}-gold`;
      await test.put(id, isGold);
      await test.greet(`${first}-in`, id, 'enter');
      await test.greet(`${first}-out`, id, 'leave');
      await test.set('ada', { plan: 'gold' });
      await test.set('bob', { colour: first });
      await test.did('cyd', 'came');
      await test.set('dan', { plan: 'free' });
      await test.relays[first]();
      await test.relays.settle();
      expect(await test.members(id)).toEqual(['ada']);
      await test.set('ada', { plan: 'free' });
      await test.set('dan', { plan: 'gold' });
      await test.relays.settle();
      await deleteSegment(test.db, id, () => {});
    }
    const told = await test.decided();
    expect(told.map((line) => line.replace(/\d+ /, '')).toSorted()).toEqual([
      'ada match-in segment/match-gold/enter/entered',
      'ada match-out segment/match-gold/leave/entered',
      'ada sweep-in segment/sweep-gold/enter/entered',
      'ada sweep-out segment/sweep-gold/leave/entered',
      'dan match-in segment/match-gold/enter/entered',
      'dan match-out segment/match-gold/leave/entered',
      'dan sweep-in segment/sweep-gold/enter/entered',
      'dan sweep-out segment/sweep-gold/leave/entered',
    ]);
  });

  it('what was stored before its making is not told where it is matched after that, whoever comes first', async () => {
    for (const first of ['match', 'sweep'] as const) {
      const [event, id] = [`bought-${first}`, `${first}-buyers`];
      await test.put(`${first}-older`, { performed: { event } });
      await test.relays.settle();
      // More than are matched at once.
      for (let count = 0; count < 110; count += 1) await test.did('ada', 'came');
      for (const person of ['ada', 'bob']) await test.did(person, event);
      await test.did('cyd', 'came');
      await test.put(id, { performed: { event } });
      await test.put(`${first}-all`, { segment: `${first}-older` });
      for (const segment of [id, `${first}-all`, `${first}-older`]) await test.greet(`in-${segment}`, segment, 'enter');
      for (const person of ['bob', 'cyd', 'dan']) await test.did(person, event);
      await test.relays[first]();
      await test.relays.settle();
      for (const segment of [id, `${first}-all`, `${first}-older`])
        expect(await test.members(segment)).toEqual(['ada', 'bob', 'cyd', 'dan']);
    }
    const told = await test.decided();
    const names = told.map((line) => line.split(' ').slice(0, 2).join(' ')).toSorted();
    const each = (first: string) => [
      ...['ada', 'bob', 'cyd', 'dan'].map((person) => `${person} in-${first}-older`),
      ...['cyd', 'dan'].flatMap((person) => [`${person} in-${first}-all`, `${person} in-${first}-buyers`]),
    ];
    expect(names).toEqual([...each('match'), ...each('sweep')].toSorted());
  });

  it('whose journey waits for it is looked at again', async () => {
    await test.set('ada', { plan: 'gold' });
    await test.set('bob', { plan: 'gold' });
    const ada = await findPerson(test.db, 'ada');
    const journey = { id: 'jrn_1', campaignId: 'c', version: 1, personKey: ada?.key ?? '', cause: 'event/1' };
    await test.db.insert(journeys).values({ ...journey, state: 'waiting' });
    const wait = { journeyId: 'jrn_1', stepId: 'there', personKey: journey.personKey, since: 0 };
    await test.db.insert(waits).values({ ...wait, kind: 'condition' });
    await test.put('gold', isGold);
    await test.relays.sweep();
    expect(await test.db.select().from(inbox)).toMatchObject([{ personKey: journey.personKey, type: 'recheck' }]);
  });

  it('nobody is left out who was being made when it was made', async () => {
    const { db } = test;
    let finish = () => {};
    const finished = new Promise<void>((resolve) => (finish = resolve));
    let made = () => {};
    const making = new Promise<void>((resolve) => (made = resolve));
    const storing = db.transaction(async (tx) => {
      await putPerson(tx, 'ada', { plan: 'gold' });
      made();
      await finished;
    });
    await making;
    await test.put('gold', isGold);
    const sweeping = test.relays.sweep();
    setTimeout(finish, 200);
    await Promise.all([storing, sweeping]);
    await test.relays.settle();
    expect(await test.members('gold')).toEqual(['ada']);
  });

  it('survives a page that was rolled back, and any number of relays with people who change', async () => {
    const { db, clock } = test;
    const ids = Array.from({ length: 700 }, (_, index) => `p${String(index).padStart(4, '0')}`);
    await db.execute(sql`
      insert into people (key, id, last_number, attributes)
      select 'per_' || lpad(n::text, 8, '0'), 'p' || lpad(n::text, 4, '0'), 1, jsonb_build_object('plan', case when n % 3 = 0 then 'gold' else 'free' end)
      from generate_series(0, 699) as n`);
    await test.put('gold', isGold);
    await test.greet('hello', 'gold', 'enter');
    await test.greet('goodbye', 'gold', 'leave');
    const rollBack = await holdTransaction(db, async (tx) => {
      const other = relaysOf(tx, clock);
      await other.sweepPage();
    });
    await rollBack();
    expect(await test.members('gold')).toEqual([]);

    const others = [test.relays, relaysOf(db, clock), relaysOf(db, clock)];
    const changing = async () => {
      for (const [index, id] of ids.entries())
        if (index % 5 === 0) await test.set(id, { plan: index % 2 === 0 ? 'gold' : 'free' });
    };
    await Promise.all([changing(), ...others.map((relay) => relay.settle())]);
    await test.relays.settle();
    const expected = ids.filter((_, index) => (index % 5 === 0 ? index % 2 === 0 : index % 3 === 0));
    expect(await test.members('gold')).toEqual(expected);
    const told = await test.decided();
    const changed = ids.filter((_, index) => index % 5 === 0 && (index % 2 === 0) !== (index % 3 === 0));
    expect(told).toHaveLength(changed.length);
    expect(new Set(told.map((line) => line.slice(0, 5)))).toEqual(new Set(changed));
  });
});

describe('by the minute', () => {
  it('people whom time brings in or out are judged, once each', async () => {
    await test.put('recent', { performed: { event: 'bought', within: '1d' } });
    await test.put('quiet', { 'customer.seen': { before: '-2d' } });
    await test.did('ada', 'bought');
    await test.set('bob', { seen: test.clock.now.toISOString() });
    await test.relays.settle();
    await test.greet('lapsed', 'recent', 'leave');
    await test.greet('wake', 'quiet', 'enter');
    expect([await test.members('recent'), await test.members('quiet')]).toEqual([['ada'], []]);

    test.relays.pass(DAY_MS + 60_000);
    await test.relays.sweep();
    await test.relays.sweep();
    expect(await test.db.select().from(inbox)).toHaveLength(1);
    test.relays.pass(60_000);
    await test.relays.sweep();
    expect(await test.db.select().from(inbox)).toMatchObject([{ type: 'recheck' }]);
    await test.relays.settle();
    test.relays.pass(DAY_MS);
    await test.relays.settle();
    expect([await test.members('recent'), await test.members('quiet')]).toEqual([[], ['bob']]);
    expect(await test.decided()).toEqual([
      'ada lapsed segment/recent/leave/2 entered',
      'bob wake segment/quiet/enter/2 entered',
    ]);
  });

  it('people are judged by the clock of their own zone', async () => {
    await test.put('awake', { now: { from: '09:00', to: '18:00', timezone: 'person' } });
    await test.set('paris', { timezone: 'Europe/Paris' });
    await test.set('york', { timezone: 'America/New_York' });
    await test.set('nowhere', {});
    test.clock.now = new Date(Date.UTC(new Date().getUTCFullYear() + 1, 0, 15, 8, 30));
    await test.relays.settle();
    expect(await test.members('awake')).toEqual(['paris']);
    test.relays.pass(60 * 60_000);
    await test.relays.settle();
    expect(await test.members('awake')).toEqual(['nowhere', 'paris']);
    test.relays.pass(6 * 60 * 60_000);
    await test.relays.settle();
    expect(await test.members('awake')).toEqual(['nowhere', 'paris', 'york']);
  });
});

describe('a segment that goes', () => {
  it('takes its members along, and made again it is filled anew', async () => {
    await test.set('ada', { plan: 'gold' });
    await test.set('bob', { plan: 'silver' });
    await test.put('gold', isGold);
    await test.relays.settle();
    expect(await deleteSegment(test.db, 'gold', () => {})).toBe(true);
    expect(await deleteSegment(test.db, 'gold', () => {})).toBe(false);
    await test.put('gold', { 'customer.plan': 'silver' });
    await test.set('cyd', { plan: 'silver' });
    await test.relays.settle();
    expect(await test.members('gold')).toEqual(['bob', 'cyd']);
  });

  it('goes while people change, without an error', async () => {
    const relay = relaysOf(test.db, test.clock);
    const changing = async () => {
      for (let round = 0; round < 30; round += 1) {
        await test.set('ada', { plan: round % 2 === 0 ? 'gold' : 'free' });
        await relay.match();
      }
    };
    const deleting = async () => {
      for (let round = 0; round < 15; round += 1) {
        await test.put('gold', isGold);
        await test.relays.sweepPage();
        await deleteSegment(test.db, 'gold', () => {});
      }
    };
    await Promise.all([changing(), deleting()]);
    const left = test.db.select().from(segmentMembers).where(eq(segmentMembers.segmentId, 'gold'));
    expect(await left).toEqual([]);
  });
});
