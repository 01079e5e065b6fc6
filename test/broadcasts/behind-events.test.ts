import { sql } from 'drizzle-orm';
import { expect, it } from 'vitest';
import { makeCrowd } from '../support/crowd.ts';
import { eventually } from '../support/eventually.ts';
import { startHookline } from '../support/hookline.ts';

const PEOPLE = 400;

it('what comes of an event is taken up before the journeys of a broadcast that wait for a worker', async ({
  onTestFinished,
}) => {
  const hookline = await startHookline({ worker: false });
  onTestFinished(() => hookline.stop());
  const { db } = hookline.database;
  await makeCrowd(db, PEOPLE);
  const steps = [{ type: 'exit' }];
  await hookline.publish('letter', { trigger: { type: 'manual' }, steps });
  await hookline.publish('answer', { trigger: { type: 'event', event: 'asked' }, steps });
  const people = Array.from({ length: PEOPLE }, (_, index) => `p${index + 1}`);
  await hookline.api('POST', '/v1/campaigns/letter/trigger', { people });
  const journeysWithoutCommand = async (campaign: string) => {
    const [row] = await db.execute<{ count: number }>(sql`
      select count(*)::int as count from journeys where campaign_id = ${campaign}
        and not exists (select from commands where workflow_id = 'journey/' || journeys.id || '/1')`);
    return row?.count;
  };
  const entered = PEOPLE - PEOPLE / 100;
  await eventually(async () => (await journeysWithoutCommand('letter')) === entered, 60_000);
  await hookline.api('POST', '/v1/events', { person: 'p1', name: 'asked' });
  await eventually(async () => (await journeysWithoutCommand('answer')) === 1);

  // All of them wait in Temporal now, the event's behind the others.
  onTestFinished(await hookline.startWorker());
  await eventually(async () => {
    const rows = await db.execute(sql`select from journeys where campaign_id = 'answer' and ended_at is not null`);
    return rows.length === 1;
  }, 60_000);
  const [before] = await db.execute<{ count: number }>(sql`
    select count(*)::int as count from journeys
    where campaign_id = 'letter' and ended_at < (select ended_at from journeys where campaign_id = 'answer')`);
  expect(before?.count).toBeLessThan(entered / 2);
}, 120_000);
