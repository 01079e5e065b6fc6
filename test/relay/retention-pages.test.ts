import { sql } from 'drizzle-orm';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { listCampaignTotals } from '../../db/campaign-totals.ts';
import { publishVersion } from '../../db/campaigns.ts';
import { ingestEvents } from '../../db/events.ts';
import { openDatabase, type Db } from '../../db/open.ts';
import { findPerson } from '../../db/people.ts';
import { validateCampaign } from '../../domain/campaign/campaign.ts';
import { compilePlan } from '../../domain/campaign/plan.ts';
import { createRetention, type RetentionDependencies } from '../../relay/retention.ts';
import { createTestDatabase, type TestDatabase } from '../support/database.ts';
import { eventually } from '../support/eventually.ts';
import { holdTransaction } from '../support/locks.ts';
import { matcherOf } from '../support/matcher.ts';
import { countRows, DAY_MS, everywhere, fillJourneys } from '../support/old-rows.ts';

const NOW = new Date();

let database: TestDatabase;
let db: Db;

beforeEach(async () => {
  database = await createTestDatabase();
  ({ db } = database);
});
afterEach(() => database.close());

const retention = (others: Partial<RetentionDependencies> = {}) =>
  createRetention({
    ...{ db, now: () => NOW, signal: new AbortController().signal, pauseMs: 0 },
    ...{ retentionMs: 90 * DAY_MS, eventRetentionMs: 90 * DAY_MS },
    ...others,
  });

const countedJourneys = async () =>
  (await listCampaignTotals(db, 'tour')).find(({ kind }) => kind === 'ended')?.count ?? 0;

describe('a pass', () => {
  it('goes page by page, at most 50 people and 50 journeys in each transaction', async () => {
    await fillJourneys(db, NOW, 200);
    await db.execute(sql`
      insert into journeys (id, campaign_id, version, person_key, cause, state, ended_at)
      select 'jrn_0-' || n, 'tour', 1, 'per_2', 'event/' || n, 'completed', '2026-01-01' from generate_series(1, 120) as n`);
    const look = retention();
    const gone: number[] = [];
    for (let before = 320; (await look()) > 0;) {
      const { journeys = 0 } = (await countRows(db)) ?? {};
      gone.push(before - journeys);
      before = journeys;
    }
    expect(Math.max(...gone)).toBe(50);
    expect(gone.filter((count) => count > 0).length).toBeGreaterThan(4);
    expect(await countRows(db)).toEqual(everywhere(100));
    expect(await look()).toBe(0);
  });

  it('comes again a day after it has ended', async () => {
    await fillJourneys(db, NOW, 2);
    const clock = { now: new Date(NOW.getTime() - 20 * DAY_MS) };
    const look = retention({ now: () => clock.now });
    const passOver = async () => {
      while ((await look()) > 0);
    };
    await passOver();
    expect(await countRows(db)).toEqual(everywhere(2));
    clock.now = new Date(NOW.getTime() - 20 * DAY_MS + DAY_MS - 1);
    expect(await look()).toBe(0);
    clock.now = NOW;
    await passOver();
    expect(await countRows(db)).toEqual(everywhere(1));
  });

  it('is shared by relays that look at once: everything old goes, and is counted once', async () => {
    await fillJourneys(db, NOW, 1_000);
    await Promise.all(
      [1, 2, 3].map(async () => {
        const look = retention();
        await eventually(async () => (await look()) === 0 && (await countRows(db))?.['journeys'] === 500, 60_000);
      }),
    );
    expect(await countRows(db)).toEqual(everywhere(500));
    expect(await countedJourneys()).toBe(500);
  }, 90_000);

  it('leaves who is held by somebody to the next one, and waits for nobody', async () => {
    await fillJourneys(db, NOW, 10);
    const release = await holdTransaction(db, (tx) =>
      tx.execute(sql`select 1 from people where key = 'per_4' for key share`),
    );
    const look = retention();
    while ((await look()) > 0);
    expect(await countRows(db)).toEqual(everywhere(6));
    await release();
    const tomorrow = retention({ now: () => new Date(NOW.getTime() + DAY_MS) });
    while ((await tomorrow()) > 0);
    expect(await countRows(db)).toEqual(everywhere(5));
  });

  it('reads no table from its beginning to its end', async () => {
    await fillJourneys(db, NOW, 20_000);
    await db.execute(sql`analyze`);
    const own = openDatabase(database.url, { max: 1, application: 'hookline retention' });
    const scanned = async () => {
      await own.db.execute(sql`select pg_stat_force_next_flush()`);
      return own.db.execute<{ table: string; rows: number }>(sql`
        select relname as table, seq_tup_read::int as rows from pg_stat_user_tables
        where relname not in ('purges', 'campaign_totals') and seq_tup_read > 0 order by relname`);
    };
    await scanned();
    const before = await scanned();
    const look = retention({ db: own.db });
    // Enough for Postgres to choose plans that serve any page.
    for (let page = 0; page < 30; page += 1) expect(await look()).toBe(1);
    await scanned();
    expect(await scanned()).toEqual(before);
    await own.close();
    expect((await countRows(db))?.['journeys']).toBeLessThan(20_000 - 400);
  }, 120_000);
});

describe('an event whose id was deleted with it', () => {
  it('is a new one when it comes again, but lets nobody in twice, and holds nobody up', async () => {
    const { campaign } = validateCampaign(
      { trigger: { type: 'event', event: 'seen' }, steps: [{ type: 'exit' }] },
      'tour',
    );
    await publishVersion(db, campaign, compilePlan(campaign));
    await db.execute(sql`update campaigns set state = 'live'`);
    await fillJourneys(db, NOW, 2);
    const look = retention();
    while ((await look()) > 0);
    const seen = { id: 'evt_2', person: '2', name: 'seen', data: {}, backfill: false };
    expect((await ingestEvents(db, [seen, { ...seen, id: 'evt_new' }])).map(({ isNew }) => isNew)).toEqual([
      true,
      true,
    ]);
    const key = (await findPerson(db, '2'))?.key ?? '';
    expect(await matcherOf(db)(key)).toBe(2);
    const rows = await db.execute(sql`select cause from outcomes where person_key = ${key}`);
    expect(rows).toEqual([{ cause: 'event/evt_new' }]);
  });
});
