import { sql } from 'drizzle-orm';
import { afterAll, beforeAll, beforeEach, expect, it } from 'vitest';
import { mergePeople } from '../../db/merge-people.ts';
import { putPerson } from '../../db/people.ts';
import { outcomes } from '../../db/schema/campaigns.ts';
import { unfitSegments } from '../../domain/segment/unfit-segments.ts';
import { makeLive } from '../support/crowd.ts';
import { createTestDatabase, type TestDatabase } from '../support/database.ts';
import { relaysOf } from '../support/relays.ts';

const clock = { now: new Date('2027-05-01T06:00:00Z') };
const AS_BACKFILL = { backfill: true };
let database: TestDatabase;
let relays: ReturnType<typeof relaysOf>;

beforeAll(async () => {
  database = await createTestDatabase();
});
afterAll(() => database.close());

beforeEach(async () => {
  relays = relaysOf(database.db, clock);
  await database.clear();
});

const set = (person: string, attributes: Record<string, string | number | null>, options?: { backfill: boolean }) =>
  putPerson(database.db, person, attributes, options);

/** Matches all that was changed, as if just now, and then whoever is due by it; answers by which dates they entered. */
async function entered(): Promise<string[]> {
  await database.db.execute(sql`update attribute_changes set at = ${clock.now.toISOString()}::timestamptz`);
  await relays.match();
  await relays.settle();
  return (await database.db.select().from(outcomes)).map(({ cause, outcome }) => `${cause} ${outcome}`);
}

const live = (yearly = false) =>
  makeLive(database.db, 'renewal', { trigger: { type: 'date', attribute: 'renewal', timezone: 'person', yearly } });

it.each([0, 150])(
  'a date of backfill that has passed begins nothing, though a change waits before it, and %i between',
  async (between) => {
    await live();
    await set('ada', { timezone: 'Asia/Tokyo' });
    for (let day = 0; day < between; day += 1) await set('ada', { timezone: `GMT+${1 + (day % 9)}` });
    await set('ada', { renewal: '2027-05-01T03:00:00Z' }, AS_BACKFILL);
    expect(await entered()).toEqual([]);
  },
);

it('a date that has passed lets a person in, though backfill waits before it', async () => {
  await live();
  await set('ada', { timezone: 'Asia/Tokyo', renewal: '2027-06-01' }, AS_BACKFILL);
  await set('ada', { renewal: '2027-05-01T03:00:00Z' });
  expect(await entered()).toEqual(['date/2027-05-01T03:00:00.000Z entered']);
});

it('a yearly date of backfill that has passed begins nothing, though the one before is due', async () => {
  await live(true);
  await set('ada', { renewal: '1990-05-01T06:00:00Z' });
  await relays.match();
  expect(await relays.fire()).toBe(1);
  await set('ada', { renewal: '1990-05-01T03:00:00Z' }, AS_BACKFILL);
  expect(await entered()).toEqual([]);
});

it('a date that went, and came back as backfill when it had passed, begins nothing', async () => {
  await live();
  await set('ada', { renewal: '2027-05-01T03:00:00Z' });
  await set('ada', { renewal: null });
  await set('ada', { renewal: '2027-05-01T03:00:00Z' }, AS_BACKFILL);
  expect(await entered()).toEqual([]);
});

it('a date that has passed lets a person in also where they are merged before it is matched', async () => {
  await live();
  await set('ada', { renewal: '2027-05-01T03:00:00Z' });
  await set('bob', { other: 1 });
  await mergePeople(database.db, 'ada', 'bob', unfitSegments);
  expect(await entered()).toEqual(['date/2027-05-01T03:00:00.000Z entered']);
});

it('a date is kept that came when nothing looked at it, though an older change waits', async () => {
  await makeLive(database.db, 'birthday', { trigger: { type: 'date', attribute: 'born' } });
  await set('ada', { timezone: 'Asia/Tokyo' });
  await set('ada', { renewal: '2027-05-01T03:00:00Z' });
  await live();
  await relays.sweep();
  expect(await entered()).toEqual(['date/2027-05-01T03:00:00.000Z entered']);
});

it.each([
  ['backfill begins nothing', AS_BACKFILL, []],
  ['any other change lets a person in', { backfill: false }, ['date/2027-05-01T03:00:00.000Z entered']],
])(
  'a date that has passed of %s, though everybody is gone through before it is matched',
  async (_, options, outcome) => {
    await live();
    await set('ada', { timezone: 'Asia/Tokyo' });
    await relays.settle();
    await set('ada', { renewal: '2027-05-01T03:00:00Z' }, options);
    await makeLive(database.db, 'renewal', {
      trigger: { type: 'date', attribute: 'renewal', timezone: 'person', time: '09:00' },
    });
    await relays.sweep();
    expect(await entered()).toEqual(outcome);
  },
);
