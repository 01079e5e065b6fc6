import { sql } from 'drizzle-orm';
import { expect, it } from 'vitest';
import { listCampaignTotals } from '../../db/campaign-totals.ts';
import { createTestDatabase } from '../support/database.ts';
import { eventually } from '../support/eventually.ts';
import { holdTransaction, untilBlocked } from '../support/locks.ts';
import { countRows, everywhere, fillJourneys } from '../support/old-rows.ts';
import { prepareProcesses } from '../support/processes.ts';

it('SIGKILL of a worker while it deletes what is old leaves a page undone, and another worker goes on there', async ({
  onTestFinished,
}) => {
  const database = await createTestDatabase();
  const { db } = database;
  const hookline = await prepareProcesses({ databaseUrl: database.url, env: { HOOKLINE_EVENT_RETENTION: '90d' } });
  onTestFinished(async () => {
    await hookline.stop();
    await database.close();
  });
  await fillJourneys(db, new Date(), 200);
  const release = await holdTransaction(db, (tx) =>
    tx.execute(sql`select 1 from deliveries where person_key = 'per_100' for no key update`),
  );
  const killed = hookline.startWorker();
  await untilBlocked(db, 'hookline worker');
  await killed.kill();
  await release();
  await eventually(async () => {
    const [row] = await db.execute<{ open: number }>(sql`
      select count(*)::int as open from pg_stat_activity
      where datname = current_database() and application_name = 'hookline worker'`);
    return row?.open === 0;
  });
  const half = Object.values((await countRows(db)) ?? {});
  const totals = await listCampaignTotals(db, 'tour');
  const ended = totals.find(({ kind }) => kind === 'ended')?.count ?? 0;
  expect(half.every((count) => count === 200 - ended)).toBe(true);

  hookline.startWorker();
  await eventually(async () => (await countRows(db))?.['events'] === 100, 60_000);
  expect(await countRows(db)).toEqual(everywhere(100));
  expect(await listCampaignTotals(db, 'tour')).toContainEqual({
    kind: 'ended',
    name: 'completed',
    state: '',
    count: 100,
  });
}, 120_000);
