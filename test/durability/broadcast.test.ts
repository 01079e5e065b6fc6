import { sql } from 'drizzle-orm';
import { expect, it } from 'vitest';
import { makeCrowd } from '../support/crowd.ts';
import { createTestDatabase } from '../support/database.ts';
import { eventually } from '../support/eventually.ts';
import { holdTransaction, untilBlocked } from '../support/locks.ts';
import { prepareProcesses } from '../support/processes.ts';

type Broadcast = { state: string; selected: number; entered: number };

it('a broadcast whose worker is killed in the middle of a page enters everybody once', async ({ onTestFinished }) => {
  const database = await createTestDatabase();
  const { db } = database;
  const hookline = await prepareProcesses({
    databaseUrl: database.url,
    // Who begins is not what this is about.
    env: { HOOKLINE_STARTS_PER_SECOND: '10' },
  });
  onTestFinished(async () => {
    await hookline.stop();
    await database.close();
  });
  const server = hookline.startServer();
  await server.ready;
  await makeCrowd(db, 1_200);
  await hookline.publish('news', { trigger: { type: 'manual' }, steps: [{ type: 'delay', for: '1h' }] });
  const { body } = await hookline.api<{ broadcast: { id: string } }>('POST', '/v1/campaigns/news/trigger', {
    audience: { 'customer.n': { gt: 0 } },
  });
  const read = async () => (await hookline.api<Broadcast>('GET', `/v1/broadcasts/${body.broadcast.id}`)).body;

  // A page holds its people, and is about to write who enters.
  const release = await holdTransaction(db, (tx) => tx.execute(sql`lock table outcomes in share mode`));
  const worker = hookline.startWorker();
  await worker.ready;
  await untilBlocked(db, 'hookline worker');
  await worker.kill();
  await release();
  expect(await read()).toMatchObject({ selected: 0, entered: 0 });

  // Killed once more, at any time.
  const second = hookline.startWorker();
  await second.ready;
  await eventually(async () => (await read()).selected > 0, 30_000);
  await second.kill();

  const third = hookline.startWorker();
  await third.ready;
  await eventually(async () => (await read()).selected === 1_200, 60_000);
  expect(await read()).toMatchObject({ selected: 1_200, entered: 1_188, refused: { suppressed: 12 } });
  const counted = await db.execute(sql`
    select count(*)::int as journeys, count(distinct person_key)::int as people from journeys`);
  expect(counted).toEqual([{ journeys: 1_188, people: 1_188 }]);
}, 180_000);
