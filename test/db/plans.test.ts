import { sql } from 'drizzle-orm';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { countActivities } from '../../db/activity.ts';
import { erasePerson } from '../../db/erase-person.ts';
import type { Db } from '../../db/open.ts';
import { claimSuspects, endOfSpan, hasIdle, placeBetween } from '../../db/stuck.ts';
import { createTestDatabase, type TestDatabase } from '../support/database.ts';

let database: TestDatabase;
let db: Db;

beforeAll(async () => {
  database = await createTestDatabase();
  ({ db } = database);
  await db.execute(sql`
    insert into people (key, id, attributes) select 'per_' || n, 'person-' || n, '{}' from generate_series(1, 2000) as n`);
  await db.execute(sql`
    insert into events (id, person_key, number, name, data, timestamp, received_at)
    select 'evt_' || n, 'per_' || n % 2000 + 1, n, 'seen-' || n % 30, '{}', now() - n % 300 * interval '1 d', now() from generate_series(1, 20000) as n`);
  await db.execute(sql`
    insert into campaigns (id, state, version, trigger_type) values ('tour', 'live', 1, 'manual')`);
  await db.execute(sql`
    insert into broadcasts (id, campaign_id, version, request_hash, data, selected)
    select 'brd_' || n, 'tour', 1, '', '{"note": "x"}', 1 from generate_series(1, 2) as n`);
  await db.execute(sql`
    insert into inbox (person_key, number, type, subject)
    select 'per_' || n % 2000 + 1, n, 'trigger', case when n <= 2 then 'brd_' || n else 'brd_others' end from generate_series(1, 20000) as n`);
  await db.execute(sql`
    insert into journeys (id, campaign_id, version, person_key, cause, state, step_id, step_until)
    select 'jrn_' || n, 'tour', 1, 'per_' || n % 2000 + 1, 'event/' || n, 'delayed', 'rest',
      now() + case when n % 4000 = 0 then -1 else 30 end * interval '1 d' from generate_series(1, 20000) as n`);
  await db.execute(sql`analyze`);
});
afterAll(() => database.close());

/** The tables that something goes through as a whole, of these. */
async function wholeTables(
  tables: string[],
  work: (tx: Db) => Promise<unknown>,
): Promise<{ answer: unknown; whole: string[] }> {
  return db.transaction(async (tx) => {
    const answer = await work(tx);
    const rows = await tx.execute<{ name: string }>(sql`
      select relname as name from pg_stat_xact_user_tables
      where seq_scan > 0 and relname = any(${sql.param(tables)}::text[]) order by 1`);
    return { answer, whole: rows.map(({ name }) => name) };
  });
}

describe('no table is gone through as a whole', () => {
  it('to count when people were active', async () => {
    const { answer, whole } = await wholeTables(['events'], (tx) =>
      countActivities(tx, ['per_1', 'per_8'], new Date()),
    );
    expect(whole).toEqual([]);
    expect(answer).toBeInstanceOf(Map);
  });

  it('to erase a person who was among those of a broadcast', async () => {
    const { answer, whole } = await wholeTables(['inbox', 'journeys', 'events'], (tx) => erasePerson(tx, 'person-2'));
    expect({ answer, whole }).toEqual({ answer: true, whole: [] });
    const left = await db.execute(sql`select id, data from broadcasts order by id`);
    expect(left).toEqual([
      { id: 'brd_1', data: {} },
      { id: 'brd_2', data: { note: 'x' } },
    ]);
  });

  it('to find journeys that are overdue among many that sleep', async () => {
    const now = new Date();
    const ago = (ms: number) => new Date(now.getTime() - ms);
    const look = { now, overdueBefore: ago(1_000), idleBefore: ago(86_400_000), askedBefore: now, limit: 300 };
    const { answer, whole } = await wholeTables(['journeys'], async (tx) => {
      await endOfSpan(tx, await placeBetween(tx, 0.5));
      await hasIdle(tx, { ...look, idleBehind: '' });
      return claimSuspects(tx, { ...look, idleBehind: '' });
    });
    expect(whole).toEqual([]);
    expect(answer).toHaveLength(5);
  });
});
