import type { Client } from '@temporalio/client';
import pino from 'pino';
import { sql } from 'drizzle-orm';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { prepareStarts } from '../../db/commands.ts';
import { listWaitingPeople } from '../../db/inbox.ts';
import { createAwayLog } from '../../relay/away-log.ts';
import { startStarts } from '../../relay/starts.ts';
import { startServerThatAnswers } from '../support/answering-server.ts';
import { eventually } from '../support/eventually.ts';
import { startHookline, type Hookline } from '../support/hookline.ts';
import { matcherOf } from '../support/matcher.ts';

let hookline: Hookline;

beforeAll(async () => {
  hookline = await startHookline({ worker: false, relays: 0 });
  await hookline.publish('tour', {
    trigger: { type: 'event', event: 'began' },
    steps: [{ type: 'delay', for: '1h' }],
  });
});
afterAll(() => hookline.stop());

const startedWith = (client: Client) =>
  startStarts({
    ...{
      db: hookline.database.db,
      client,
      taskQueue: hookline.taskQueue,
      withSearchAttributes: () => true,
      onRefused: () => {},
    },
    ...{ perSecond: 1_000, pollMs: 100, away: createAwayLog(pino({ level: 'silent' })) },
  });

it('starts of a broadcast go on while one of them is not answered, which is tried again after all', async () => {
  const { db } = hookline.database;
  const people = Array.from({ length: 50 }, (_, each) => ({ person: `p-${each}`, name: 'began' }));
  await hookline.api('POST', '/v1/events', people);
  const match = matcherOf(db);
  for (const key of await listWaitingPeople(db, 50)) await match(key);
  await db.execute(sql`update commands set broadcast_id = 'brd_test'`);
  const [first] = await db.execute<{ workflowId: string }>(sql`
    select workflow_id as "workflowId" from commands order by id limit 1`);
  const count = async () => (await db.execute(sql`select from commands`)).length;

  await prepareStarts(db);
  const server = await startServerThatAnswers('never', { only: first?.workflowId ?? '' });
  const starts = startedWith(server.client);
  // Its group is still under way: all others have ended.
  await eventually(async () => (await count()) === 16);
  await server.close();
  await starts.stop();
  expect(await count()).toBe(1);

  const again = startedWith(hookline.client);
  await eventually(async () => (await count()) === 0);
  await again.stop();
});
