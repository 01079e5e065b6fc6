import { and, asc, eq, sql } from 'drizzle-orm';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { changeCampaignState, publishVersion } from '../../db/campaigns.ts';
import { ingestEvents } from '../../db/events.ts';
import { putPerson } from '../../db/people.ts';
import { outcomes } from '../../db/schema/campaigns.ts';
import { attributeChanges, people, inbox } from '../../db/schema/people.ts';
import { segmentMembers } from '../../db/schema/segments.ts';
import { deleteSegment, putSegment } from '../../db/segments.ts';
import { validateCampaign } from '../../domain/campaign/campaign.ts';
import { compilePlan } from '../../domain/campaign/plan.ts';
import type { Json } from '../../domain/json.ts';
import { compileSegment } from '../../domain/segment/compiled-segment.ts';
import { validateSegment } from '../../domain/segment/segment.ts';
import { createTestDatabase, type TestDatabase } from '../support/database.ts';
import { holdTransaction } from '../support/locks.ts';
import { relaysOf } from '../support/relays.ts';

const DAY_MS = 86_400_000;
const clock = { now: new Date() };
let database: TestDatabase;
let relays: ReturnType<typeof relaysOf>;

beforeAll(async () => {
  database = await createTestDatabase();
});
afterAll(() => database.close());

beforeEach(async () => {
  clock.now = new Date();
  relays = relaysOf(database.db, clock);
  const tables = ['people', 'segments', 'campaigns', 'sweeps', 'outcomes', 'commands'];
  await database.db.execute(sql.raw(`truncate ${tables.join(', ')} cascade`));
});

const put = (id: string, condition: Json) =>
  putSegment(database.db, id, (known) => {
    const segment = validateSegment({ condition }, id, known);
    return { ...segment, timed: compileSegment(segment.condition).timed };
  });

const set = (person: string, attributes: Record<string, Json>) => putPerson(database.db, person, attributes);

const did = (person: string, name: string, rest: { data?: Record<string, Json>; backfill?: boolean } = {}) =>
  ingestEvents(database.db, [{ person, name, data: {}, backfill: false, ...rest }]);

/** Publishes and starts a campaign for those who enter, or leave, a segment. */
async function greet(id: string, segment: string, change: 'enter' | 'leave', rest: object = {}) {
  const { campaign, plan } = validateCampaign(
    {
      trigger: { type: 'segment', segment, change },
      entry: { frequency: 'everyTime', maxConcurrent: 100 },
      steps: [{ type: 'delay', for: '1h' }],
      ...rest,
    },
    id,
  );
  await publishVersion(database.db, { ...campaign, id }, plan);
  await changeCampaignState(database.db, id, ['new'], 'live');
}

async function members(segment: string): Promise<string[]> {
  const rows = await database.db
    .select({ id: people.id })
    .from(segmentMembers)
    .innerJoin(people, eq(people.key, segmentMembers.personKey))
    .where(eq(segmentMembers.segmentId, segment))
    .orderBy(asc(people.id));
  return rows.map(({ id }) => id);
}

/** What was decided, in order: `ada greet segment/gold/enter/3 entered`. */
async function decided(): Promise<string[]> {
  const rows = await database.db
    .select({ person: people.id, campaign: outcomes.campaignId, cause: outcomes.cause, outcome: outcomes.outcome })
    .from(outcomes)
    .innerJoin(people, eq(people.key, outcomes.personKey))
    .orderBy(asc(outcomes.at), asc(outcomes.journeyId));
  return rows.map(({ person, campaign, cause, outcome }) => `${person} ${campaign} ${cause} ${outcome}`);
}

const isGold = { 'customer.plan': 'gold' };

describe('who belongs to a segment', () => {
  it('is filled silently when it is made, and follows from then on, each change once', async () => {
    await set('ada', { plan: 'gold' });
    await set('bob', { plan: 'free' });
    expect(await put('gold', isGold)).toEqual({ version: 1, state: 'filling' });
    await greet('hello', 'gold', 'enter');
    await greet('goodbye', 'gold', 'leave');
    await relays.settle();
    expect(await members('gold')).toEqual(['ada']);
    expect(await put('gold', isGold)).toEqual({ version: 1, state: 'ready' });
    expect(await decided()).toEqual([]);

    await set('bob', { plan: 'gold' });
    await set('ada', { plan: 'free' });
    await set('cyd', { plan: 'gold' });
    await set('cyd', { colour: 'red' });
    await relays.settle();
    expect(await members('gold')).toEqual(['bob', 'cyd']);
    expect((await decided()).toSorted()).toEqual([
      'ada goodbye segment/gold/leave/2 entered',
      'bob hello segment/gold/enter/2 entered',
      'cyd hello segment/gold/enter/1 entered',
    ]);
  });

  it('follows each event, counted up to it, however many wait', async () => {
    await put('third', { performed: { event: 'bought', count: { eq: 3 } } });
    await relays.settle();
    await greet('hello', 'third', 'enter');
    await greet('goodbye', 'third', 'leave');
    for (let count = 0; count < 5; count += 1) await did('ada', 'bought');
    await did('bob', 'bought');
    await relays.settle();
    expect(await members('third')).toEqual([]);
    expect(await decided()).toEqual([
      'ada hello segment/third/enter/3 entered',
      'ada goodbye segment/third/leave/4 entered',
    ]);
  });

  it('asks for other segments, one after the other, whatever their ids', async () => {
    await put('z-gold', isGold);
    await put('y-loyal', { segment: 'z-gold', performed: { event: 'bought' } });
    await put('a-both', { not: { segment: 'y-loyal' } });
    await relays.settle();
    await greet('loyal', 'y-loyal', 'enter');
    await greet('both', 'a-both', 'leave');
    await did('ada', 'bought');
    await relays.settle();
    expect(await members('a-both')).toEqual(['ada']);
    await set('ada', { plan: 'gold' });
    await relays.settle();
    expect([await members('a-both'), await members('y-loyal')]).toEqual([[], ['ada']]);
    expect(await decided()).toEqual([
      'ada loyal segment/y-loyal/enter/2 entered',
      'ada both segment/a-both/leave/2 entered',
    ]);
  });

  it('changes by backfill without a word, and at its own rank among the journeys that led to it', async () => {
    await put('buyers', { performed: { event: 'bought' } });
    await put('gold', isGold);
    await relays.settle();
    await greet('hello', 'buyers', 'enter');
    await greet('shine', 'gold', 'enter');
    await did('ada', 'bought', { backfill: true });
    await set('bob', { plan: 'free' });
    await relays.settle();
    await set('bob', { plan: 'gold' });
    await database.db.update(attributeChanges).set({ depth: 21 }).where(eq(attributeChanges.number, 2));
    await relays.settle();
    expect(await members('buyers')).toEqual(['ada']);
    expect(await decided()).toEqual(['bob shine segment/gold/enter/2 guard']);
  });

  it('holds of people of whom nothing is known, from when they are made', async () => {
    await set('old', {});
    await put('others', { not: isGold });
    await greet('hello', 'others', 'enter');
    await relays.settle();
    await set('new', {});
    await did('newer', 'came');
    await relays.settle();
    expect(await members('others')).toEqual(['new', 'newer', 'old']);
    expect(await decided()).toEqual([
      'new hello segment/others/enter/1 entered',
      'newer hello segment/others/enter/1 entered',
    ]);
  });
});

describe('a definition that changes', () => {
  it('tells the differences, once, and those that follow from them', async () => {
    await set('ada', { plan: 'gold' });
    await set('bob', { plan: 'silver' });
    await set('cyd', { plan: 'free' });
    await put('gold', isGold);
    await put('rest', { not: { segment: 'gold' } });
    await relays.settle();
    await greet('hello', 'gold', 'enter');
    await greet('goodbye', 'gold', 'leave');
    await greet('rested', 'rest', 'leave');
    expect(await put('gold', { 'customer.plan': 'silver' })).toEqual({ version: 2, state: 'filling' });
    await relays.settle();
    expect([await members('gold'), await members('rest')]).toEqual([['bob'], ['ada', 'cyd']]);
    expect((await decided()).toSorted()).toEqual([
      'ada goodbye segment/gold/leave/2 entered',
      'bob hello segment/gold/enter/2 entered',
      'bob rested segment/rest/leave/2 entered',
    ]);
  });

  it('judges who changes before it comes to them by the new one, and tells that once', async () => {
    await set('ada', { plan: 'gold' });
    await put('gold', isGold);
    await relays.settle();
    await greet('goodbye', 'gold', 'leave');
    await put('gold', { 'customer.plan': 'gold', 'customer.vip': true });
    await set('ada', { colour: 'red' });
    await relays.match();
    expect(await members('gold')).toEqual([]);
    await relays.settle();
    expect(await decided()).toEqual(['ada goodbye segment/gold/leave/2 entered']);
  });
});

describe('while a segment is filled for the first time', () => {
  it('a change that was stored behind its making is told, whoever comes first, and what was before is not', async () => {
    for (const person of ['ada', 'bob', 'cyd', 'dan']) await set(person, { plan: person === 'dan' ? 'gold' : 'free' });
    for (const first of ['match', 'sweep'] as const) {
      const id = `${first}-gold`;
      await put(id, isGold);
      await greet(`${first}-in`, id, 'enter');
      await greet(`${first}-out`, id, 'leave');
      await set('ada', { plan: 'gold' });
      await set('bob', { colour: first });
      await did('cyd', 'came');
      await set('dan', { plan: 'free' });
      await relays[first]();
      await relays.settle();
      expect(await members(id)).toEqual(['ada']);
      await set('ada', { plan: 'free' });
      await set('dan', { plan: 'gold' });
      await relays.settle();
      await deleteSegment(database.db, id, () => {});
    }
    const told = await decided();
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

  it('nobody is left out who was being made when it was made', async () => {
    const { db } = database;
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
    await put('gold', isGold);
    const sweeping = relays.sweep();
    setTimeout(finish, 200);
    await Promise.all([storing, sweeping]);
    await relays.settle();
    expect(await members('gold')).toEqual(['ada']);
  });

  it('survives a page that was rolled back, and any number of relays with people who change', async () => {
    const { db } = database;
    const ids = Array.from({ length: 700 }, (_, index) => `p${String(index).padStart(4, '0')}`);
    await db.execute(sql`
      insert into people (key, id, attributes)
      select 'per_' || lpad(n::text, 8, '0'), 'p' || lpad(n::text, 4, '0'), jsonb_build_object('plan', case when n % 3 = 0 then 'gold' else 'free' end)
      from generate_series(0, 699) as n`);
    await put('gold', isGold);
    await greet('hello', 'gold', 'enter');
    await greet('goodbye', 'gold', 'leave');
    const rollBack = await holdTransaction(db, async (tx) => {
      const other = relaysOf(tx, clock);
      await other.sweepPage();
    });
    await rollBack();
    expect(await members('gold')).toEqual([]);

    const others = [relays, relaysOf(db, clock), relaysOf(db, clock)];
    const changing = async () => {
      for (const [index, id] of ids.entries())
        if (index % 5 === 0) await set(id, { plan: index % 2 === 0 ? 'gold' : 'free' });
    };
    await Promise.all([changing(), ...others.map((relay) => relay.settle())]);
    await relays.settle();
    const expected = ids.filter((_, index) => (index % 5 === 0 ? index % 2 === 0 : index % 3 === 0));
    expect(await members('gold')).toEqual(expected);
    const told = await decided();
    const changed = ids.filter((_, index) => index % 5 === 0 && (index % 2 === 0) !== (index % 3 === 0));
    expect(told).toHaveLength(changed.length);
    expect(new Set(told.map((line) => line.slice(0, 5)))).toEqual(new Set(changed));
  });
});

describe('by the minute', () => {
  it('people whom time brings in or out are judged, once each', async () => {
    await put('recent', { performed: { event: 'bought', within: '1d' } });
    await put('quiet', { 'customer.seen': { before: '-2d' } });
    await did('ada', 'bought');
    await set('bob', { seen: clock.now.toISOString() });
    await relays.settle();
    await greet('lapsed', 'recent', 'leave');
    await greet('wake', 'quiet', 'enter');
    expect([await members('recent'), await members('quiet')]).toEqual([['ada'], []]);

    relays.pass(DAY_MS + 60_000);
    await relays.sweep();
    await relays.sweep();
    expect(await database.db.select().from(inbox)).toHaveLength(1);
    relays.pass(60_000);
    await relays.sweep();
    expect(await database.db.select().from(inbox)).toMatchObject([{ type: 'recheck' }]);
    await relays.settle();
    relays.pass(DAY_MS);
    await relays.settle();
    expect([await members('recent'), await members('quiet')]).toEqual([[], ['bob']]);
    expect(await decided()).toEqual([
      'ada lapsed segment/recent/leave/2 entered',
      'bob wake segment/quiet/enter/2 entered',
    ]);
  });

  it('people are judged by the clock of their own zone', async () => {
    await put('awake', { now: { from: '09:00', to: '18:00', timezone: 'person' } });
    await set('paris', { timezone: 'Europe/Paris' });
    await set('york', { timezone: 'America/New_York' });
    await set('nowhere', {});
    clock.now = new Date(Date.UTC(new Date().getUTCFullYear() + 1, 0, 15, 8, 30));
    await relays.settle();
    expect(await members('awake')).toEqual(['paris']);
    relays.pass(60 * 60_000);
    await relays.settle();
    expect(await members('awake')).toEqual(['nowhere', 'paris']);
    relays.pass(6 * 60 * 60_000);
    await relays.settle();
    expect(await members('awake')).toEqual(['nowhere', 'paris', 'york']);
  });
});

describe('a segment that goes', () => {
  it('takes its members along, and made again it is filled anew', async () => {
    await set('ada', { plan: 'gold' });
    await set('bob', { plan: 'silver' });
    await put('gold', isGold);
    await relays.settle();
    expect(await deleteSegment(database.db, 'gold', () => {})).toBe(true);
    expect(await deleteSegment(database.db, 'gold', () => {})).toBe(false);
    await put('gold', { 'customer.plan': 'silver' });
    await set('cyd', { plan: 'silver' });
    await relays.settle();
    expect(await members('gold')).toEqual(['bob', 'cyd']);
  });

  it('goes while people change, without an error', async () => {
    const relay = relaysOf(database.db, clock);
    const changing = async () => {
      for (let round = 0; round < 30; round += 1) {
        await set('ada', { plan: round % 2 === 0 ? 'gold' : 'free' });
        await relay.match();
      }
    };
    const deleting = async () => {
      for (let round = 0; round < 15; round += 1) {
        await put('gold', isGold);
        await relays.sweepPage();
        await deleteSegment(database.db, 'gold', () => {});
      }
    };
    await Promise.all([changing(), deleting()]);
    const left = database.db
      .select()
      .from(segmentMembers)
      .where(and(eq(segmentMembers.segmentId, 'gold')));
    expect(await left).toEqual([]);
  });
});
