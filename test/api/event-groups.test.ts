import { sql } from 'drizzle-orm';
import { afterAll, beforeAll, beforeEach, expect, it } from 'vitest';
import { createEventGroups } from '../../api/event-groups.ts';
import { openDatabase } from '../../db/open.ts';
import { createTestDatabase, type TestDatabase } from '../support/database.ts';

let database: TestDatabase;
let store: ReturnType<typeof createEventGroups>;

beforeAll(async () => {
  database = await createTestDatabase();
  store = createEventGroups(database.db);
  // What no rule of ours foresees: any fault of Postgres would do.
  await database.db.execute(sql`alter table events add constraint no_poison check (name <> 'poison')`);
});
beforeEach(() => database.db.execute(sql`truncate events, inbox, waiting cascade`));
afterAll(() => database.close());

const event = (name: string, each = 0) => ({ person: `person-${each % 7}`, name, data: { each }, backfill: false });
const all = (names: string[]) => Promise.allSettled(names.map((name, each) => store(event(name, each))));

async function countByName(): Promise<Record<string, number>> {
  const rows = await database.db.execute<{ name: string; count: number }>(
    sql`select name, count(*)::int from events group by name order by name`,
  );
  return Object.fromEntries(rows.map(({ name, count }) => [name, count]));
}

it('stores each of many that arrive together once, in fewer transactions than there are events', async () => {
  const outcomes = await all(Array.from({ length: 200 }, () => 'seen'));
  const ids = outcomes.map((outcome) => (outcome.status === 'fulfilled' ? outcome.value : null));
  expect(ids).toEqual(ids.map(() => ({ id: expect.stringMatching(/^evt_/), isNew: true })));
  expect(await countByName()).toEqual({ seen: 200 });
  const [written] = await database.db.execute<{ count: number }>(
    sql`select count(distinct xmin::text)::int from events`,
  );
  expect(written?.count).toBeLessThan(20);
});

it('tells one of many with the same id that it is new, whoever comes first', async () => {
  const outcomes = await Promise.all(Array.from({ length: 50 }, () => store({ ...event('seen'), id: 'order-17' })));
  expect(outcomes.filter(({ isNew }) => isNew)).toHaveLength(1);
  expect(await countByName()).toEqual({ seen: 1 });
});

it('answers one that is refused why, and stores the others', async () => {
  const attributes = Object.fromEntries(Array.from({ length: 9 }, (_, each) => [`note_${each}`, 'x'.repeat(8_000)]));
  const [refused, ...others] = await Promise.allSettled([
    store({ ...event('large'), attributes }),
    ...Array.from({ length: 30 }, (_, each) => store(event('seen', each))),
  ]);
  expect(refused).toMatchObject({ status: 'rejected', reason: { code: 'people.too_large' } });
  expect(others.filter(({ status }) => status === 'rejected')).toEqual([]);
  expect(await countByName()).toEqual({ seen: 30 });
});

it('fails none for another whose own fault ends the transaction of all', async () => {
  const outcomes = await all(['seen', 'seen', 'poison', ...Array.from({ length: 60 }, () => 'seen')]);
  expect(outcomes.flatMap(({ status }, each) => (status === 'rejected' ? [each] : []))).toEqual([2]);
  expect(await countByName()).toEqual({ seen: 62 });
});

it('fails all at once where Postgres is away', async () => {
  const away = openDatabase('postgres://postgres@127.0.0.1:9/none', { max: 20, application: 'hookline test' });
  const storeAway = createEventGroups(away.db);
  const outcomes = await Promise.allSettled(Array.from({ length: 300 }, () => storeAway(event('seen'))));
  expect(outcomes.filter(({ status }) => status === 'rejected')).toHaveLength(300);
  await away.close();
});
