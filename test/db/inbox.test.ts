import { sql } from 'drizzle-orm';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createBroadcast } from '../../db/broadcasts.ts';
import { publishVersion, changeCampaignState } from '../../db/campaigns.ts';
import { ingestEvents } from '../../db/events.ts';
import { listWaitingPeople } from '../../db/inbox.ts';
import type { Db } from '../../db/open.ts';
import { findPerson } from '../../db/people.ts';
import { inbox, waiting } from '../../db/schema/people.ts';
import { validateCampaign } from '../../domain/campaign/campaign.ts';
import { compilePlan } from '../../domain/campaign/plan.ts';
import { createTestDatabase, type TestDatabase } from '../support/database.ts';
import { matcherOf } from '../support/matcher.ts';

let database: TestDatabase;
let db: Db;

beforeEach(async () => {
  database = await createTestDatabase();
  ({ db } = database);
});
afterEach(() => database.close());

const range = (count: number) => Array.from({ length: count }, (_, index) => index);
const seen = (person: string) => ({ person, name: 'seen', data: {}, backfill: false });
const keyOf = async (id: string) => (await findPerson(db, id))?.key;
const match = (key: string) => matcherOf(db)(key);

async function trigger(people: string[]) {
  const { campaign } = validateCampaign({ trigger: { type: 'manual' }, steps: [{ type: 'exit' }] }, 'letter');
  await publishVersion(db, { ...campaign, id: 'letter' }, compilePlan(campaign));
  await changeCampaignState(db, 'letter', ['new'], 'live');
  expect(await createBroadcast(db, { campaign: 'letter', meant: { people }, data: {}, requestHash: '' })).toMatchObject(
    {
      type: 'stored',
    },
  );
}

/** Somebody with as many events as no one posts by hand, the oldest of all. */
async function makeBusy(id: string, items: number) {
  await ingestEvents(db, [seen(id)]);
  await db.execute(sql`
    insert into inbox (person_key, number, type, subject)
    select key, number, 'event', 'evt_' || number from people, generate_series(2, ${items}::int) as number where id = ${id}`);
}

describe('people for whom something waits', () => {
  it('come once each, the longest waiting first, however much waits for one of them', async () => {
    await makeBusy('busy', 50_000);
    const others = range(60).map((index) => `other-${index}`);
    for (const person of others) await ingestEvents(db, [seen(person), seen(person)]);

    const keys = await Promise.all(['busy', ...others].map(keyOf));
    expect(await listWaitingPeople(db, 50)).toEqual(keys.slice(0, 50));
    // Who has more than is taken at once lines up again behind the others.
    expect(await match(keys[0] ?? '')).toBe(100);
    expect(await listWaitingPeople(db, 100)).toEqual([...keys.slice(1), keys[0]]);
  });

  it('come with an event before all that only a broadcast waits for, and then with everything in its order', async () => {
    await ingestEvents(db, [seen('ada'), seen('eve'), seen('kim')]);
    const [ada, eve, kim] = await Promise.all(['ada', 'eve', 'kim'].map(keyOf));
    for (const key of [ada, eve, kim]) expect(await match(key ?? '')).toBe(1);
    await trigger(['ada', 'eve', 'kim']);
    expect(new Set(await listWaitingPeople(db, 10))).toEqual(new Set([ada, eve, kim]));
    await ingestEvents(db, [seen('kim')]);
    expect((await listWaitingPeople(db, 10))[0]).toBe(kim);
    expect(
      await db
        .select()
        .from(inbox)
        .where(sql`person_key = ${kim}`)
        .orderBy(inbox.number),
    ).toMatchObject([
      { number: 2, type: 'trigger' },
      { number: 3, type: 'event' },
    ]);
    expect(await match(kim ?? '')).toBe(2);
    expect(await listWaitingPeople(db, 10)).not.toContain(kim);
  });

  it('are forgotten when nothing is left, also after exactly as much as is taken at once', async () => {
    await ingestEvents(
      db,
      range(100).map(() => seen('ada')),
    );
    const key = (await keyOf('ada')) ?? '';
    expect(await match(key)).toBe(100);
    expect(await match(key)).toBe(0);
    expect(await db.select().from(waiting)).toEqual([]);
    await ingestEvents(db, [seen('ada')]);
    expect(await listWaitingPeople(db, 10)).toEqual([key]);
  });

  it('are found without reading what waits: 100,000 people cost as little as 50', async () => {
    await db.execute(sql`
      insert into people (key, id, attributes) select 'per_' || n, n::text, '{}' from generate_series(1, 100000) as n`);
    await db.execute(sql`
      insert into waiting (person_key, lane, due_at)
      select key, (row_number() over () % 2)::int, now() - random() * interval '1 h' from people`);
    const [plan] = await db.execute<{ 'QUERY PLAN': [{ Plan: object }] }>(sql`
      explain (analyze, format json)
      select person_key from waiting where due_at <= now() order by lane, due_at limit 50`);
    expect(plan?.['QUERY PLAN'][0].Plan).toMatchObject({
      'Node Type': 'Limit',
      Plans: [{ 'Node Type': 'Index Scan', 'Index Name': 'waiting_order', 'Actual Rows': 50 }],
    });
  });
});
