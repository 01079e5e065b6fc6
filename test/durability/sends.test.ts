import { sql } from 'drizzle-orm';
import { expect, it } from 'vitest';
import { respond } from '../support/behaviours.ts';
import { createTestDatabase } from '../support/database.ts';
import { eventually } from '../support/eventually.ts';
import { holdTransaction, untilBlocked } from '../support/locks.ts';
import { prepareProcesses } from '../support/processes.ts';
import { startReceiver } from '../support/receiver.ts';

type Sent = { deliveries: { id: string }[] };

it('a send whose server is killed half-way is stored as a whole or not at all, and is sent once when it is repeated', async ({
  onTestFinished,
}) => {
  const [database, receiver] = await Promise.all([createTestDatabase(), startReceiver()]);
  const hookline = await prepareProcesses({ databaseUrl: database.url });
  onTestFinished(async () => {
    await hookline.stop();
    await receiver.close();
    await database.close();
  });
  receiver.on('/hook', respond());
  const server = hookline.startServer();
  await server.ready;
  await hookline.api('PUT', '/v1/webhooks/hook', { url: receiver.url('/hook') });
  for (const id of ['ada', 'bob']) await hookline.api('PUT', `/v1/people/${id}`, { attributes: {} });
  const send = () => hookline.api<Sent>('POST', '/v1/webhooks/hook/send', { people: ['ada', 'bob'], id: 'only-once' });
  const counts = async () => {
    const [row] = await database.db.execute(sql`
      select (select count(*)::int from sends) as sends, (select count(*)::int from deliveries) as deliveries,
             (select count(*)::int from commands) as commands`);
    return row;
  };

  // Everything is written but the commands, which are held up until the server is gone.
  const release = await holdTransaction(database.db, (tx) => tx.execute(sql`lock table commands in share mode`));
  const lost = send().catch(() => null);
  await untilBlocked(database.db, 'hookline server');
  await server.kill();
  await release();
  expect(await lost).toBeNull();
  await eventually(async () => JSON.stringify(await counts()) === '{"sends":0,"deliveries":0,"commands":0}');

  const again = hookline.startServer();
  await again.ready;
  const { status, body } = await send();
  expect(status).toBe(202);
  expect(await counts()).toEqual({ sends: 1, deliveries: 2, commands: 2 });
  await again.kill();

  const worker = hookline.startWorker();
  const third = hookline.startServer();
  await Promise.all([worker.ready, third.ready]);
  expect(await send()).toMatchObject({ status: 202, body });
  await receiver.waitFor(2, 30_000);
  await eventually(async () => {
    const { body: list } = await hookline.api<{ data: object[] }>('GET', '/v1/deliveries?webhook=hook&state=sent');
    return list.data.length === 2;
  });
  expect(receiver.requests.map(({ headers }) => headers['idempotency-key'] ?? '').toSorted()).toEqual(
    body.deliveries.map(({ id }) => id).toSorted(),
  );
}, 90_000);
