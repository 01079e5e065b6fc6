import { expect, it } from 'vitest';
import { hang } from '../support/behaviours.ts';
import { createTestDatabase } from '../support/database.ts';
import { prepareProcesses } from '../support/processes.ts';
import { startReceiver } from '../support/receiver.ts';

it('SIGKILL of a worker while it tests a webhook leaves the test unknown, and another worker does not repeat it', async () => {
  const [database, receiver] = await Promise.all([createTestDatabase(), startReceiver()]);
  const hookline = await prepareProcesses({ databaseUrl: database.url });
  try {
    receiver.on('/hangs', hang());
    const [server, worker] = [hookline.startServer(), hookline.startWorker()];
    await Promise.all([server.ready, worker.ready]);
    const test = (timeout: string) =>
      hookline.api('POST', '/v1/webhooks/test', { webhook: { url: receiver.url('/hangs'), timeout }, customer: {} });

    const killed = test('4s');
    await receiver.waitFor(1);
    await worker.kill();
    const other = hookline.startWorker();
    expect(await killed).toMatchObject({ status: 200, body: { class: 'unknown', error: { code: 'worker_lost' } } });
    await other.ready;
    expect(receiver.requests).toHaveLength(1);

    const stopped = test('30s');
    await receiver.waitFor(2);
    expect(await other.terminate()).toBe(0);
    expect(await stopped).toMatchObject({ status: 200, body: { class: 'unknown', error: { code: 'worker_lost' } } });
    expect(receiver.requests).toHaveLength(2);
  } finally {
    await hookline.stop();
    await receiver.close();
    await database.close();
  }
}, 90_000);
