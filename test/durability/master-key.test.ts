import { randomBytes } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { respond } from '../support/behaviours.ts';
import { createTestDatabase, type TestDatabase } from '../support/database.ts';
import { eventually } from '../support/eventually.ts';
import { prepareProcesses, type Processes } from '../support/processes.ts';
import { startReceiver, type Receiver } from '../support/receiver.ts';
import { verifies } from '../support/signatures.ts';

let database: TestDatabase;
let receiver: Receiver;
let hookline: Processes;

beforeAll(async () => {
  [database, receiver] = await Promise.all([createTestDatabase(), startReceiver()]);
  hookline = await prepareProcesses({ databaseUrl: database.url });
});
afterAll(async () => {
  await hookline.stop();
  await receiver.close();
  await database.close();
});

const newKey = () => randomBytes(32).toString('base64');

describe('a master key that the database was not encrypted with', () => {
  it('stops server and worker at their start; as a new key beside the old one it takes over', async () => {
    const oldKey = newKey();
    const before = { HOOKLINE_MASTER_KEY: oldKey };
    const server = hookline.startServer(before);
    const worker = hookline.startWorker(before);
    await Promise.all([server.ready, worker.ready]);
    receiver.on('/hook', respond({ status: 503 }));
    await hookline.api('PUT', '/v1/secrets/crm_key', { value: 'the password' });
    const url = receiver.url('/hook?key={{ secrets.crm_key }}');
    await hookline.publish('retried', {
      trigger: { type: 'event', event: 'go' },
      steps: [{ type: 'webhook', id: 'tell', url, body: { json: { who: 'Zoë' } }, allowHosts: ['127.0.0.1'] }],
    });
    await hookline.api('POST', '/v1/events', { person: 'zoe', name: 'go' });
    await receiver.waitFor(1);
    await Promise.all([server.kill(), worker.kill()]);

    const alone = { HOOKLINE_MASTER_KEY: newKey() };
    const strangers = [hookline.startServer(alone), hookline.startWorker(alone)];
    for (const stranger of strangers) {
      expect(await stranger.exited).toEqual({ code: 1, signal: null });
      expect(stranger.lines.join('\n')).toContain('HOOKLINE_MASTER_KEY is not the key');
    }

    const beside = { ...alone, HOOKLINE_PREVIOUS_MASTER_KEYS: oldKey };
    const killed = hookline.startWorker(beside);
    await killed.ready;
    await killed.kill();
    const again = hookline.startWorker(beside);
    await eventually(async () => again.lines.some((line) => line.includes('MASTER_KEYS may be removed')), 30_000);
    expect(await again.terminate()).toBe(0);

    await Promise.all([hookline.startServer(alone).ready, hookline.startWorker(alone).ready]);
    receiver.on('/hook', respond());
    expect(await hookline.ended('zoe', 45_000)).toMatchObject({ state: 'completed' });
    const keys = await hookline.api<{ data: { secret: string }[] }>('GET', '/v1/signing-keys');
    const [first, last] = [receiver.requests[0], receiver.requests.at(-1)];
    expect(last).toMatchObject({ url: '/hook?key=the%20password', body: first?.body });
    expect(verifies(last, keys.body.data[0]?.secret ?? '')).toBe(true);
  }, 120_000);
});
