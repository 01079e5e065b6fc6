import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import { commands, journeys } from '../../db/schema/journeys.ts';
import { startTemporal, type Temporal } from '../../embedded/temporal.ts';
import { createTestDatabase, type TestDatabase } from '../support/database.ts';
import { eventually } from '../support/eventually.ts';
import { lastingPort } from '../support/lasting-port.ts';
import { prepareProcesses, type Processes } from '../support/processes.ts';
import { startReceiver, type Receiver } from '../support/receiver.ts';

let dataDir: string;
let port: number;
let temporal: Temporal | undefined;
let database: TestDatabase;
let receiver: Receiver;
let hookline: Processes;

beforeAll(async () => {
  dataDir = await mkdtemp(join(tmpdir(), 'hookline-temporal-'));
  port = await lastingPort();
  [database, receiver] = await Promise.all([createTestDatabase(), startReceiver()]);
  hookline = await prepareProcesses({ databaseUrl: database.url, temporalAddress: `127.0.0.1:${port}` });
});
afterAll(async () => {
  await hookline.stop();
  await temporal?.child.stop();
  await receiver.close();
  await database.close();
  await rm(dataDir, { recursive: true, force: true });
});

/** The same server each time: on the same port, with the same file. */
async function startOwnTemporal() {
  temporal = await startTemporal({ binary: inject('temporalBinary'), dataDir, uiPort: false, port });
}

const campaign = (event: string, before: object[]) => ({
  trigger: { type: 'event', event },
  steps: [
    ...before,
    { type: 'webhook', id: 'tell', url: receiver.url(`/${event}`), body: { data: { it: 'happened' } } },
  ],
});

const post = async (person: string, name: string) =>
  (await hookline.api('POST', '/v1/events', { person, name })).status;

const rows = async () => ({
  journeys: (await database.db.select().from(journeys)).length,
  commands: (await database.db.select().from(commands)).length,
});

const completed = async (count: number) => {
  await eventually(async () => {
    const all = await database.db.select().from(journeys);
    return all.length === count && all.every((row) => row.state === 'completed');
  }, 45_000);
};

describe('while Temporal is away', () => {
  it('events are accepted, processes wait, and everything goes on once it is back', async () => {
    const server = hookline.startServer();
    const worker = hookline.startWorker();
    const impatient = hookline.startWorker();
    await server.ready;
    await hookline.publish('prompt', campaign('happened', []));
    await hookline.publish('patient', campaign('waited', [{ type: 'delay', for: '4s' }]));
    expect(await post('before-1', 'happened')).toBe(202);
    expect(await post('before-2', 'waited')).toBe(202);

    await eventually(async () => impatient.lines.some((line) => line.includes('Temporal cannot be reached')), 30_000);
    expect(await impatient.terminate()).toBe(0);

    await startOwnTemporal();
    await worker.ready;
    await eventually(async () => (await rows()).journeys === 2);
    await eventually(async () => (await rows()).commands === 0);
    await temporal?.child.stop();

    for (const person of ['during-1', 'during-2', 'during-3']) expect(await post(person, 'happened')).toBe(202);
    await eventually(async () => (await rows()).commands === 3);
    await eventually(async () => worker.lines.some((line) => line.includes('commands wait in Postgres')), 30_000);
    expect(await database.db.select().from(commands)).toMatchObject([{ tries: 0 }, { tries: 0 }, { tries: 0 }]);

    await startOwnTemporal();
    await completed(5);
    const urls = receiver.requests.map((request) => request.url);
    expect(urls.toSorted()).toEqual(['/happened', '/happened', '/happened', '/happened', '/waited']);

    await temporal?.child.stop();
    await post('at-the-end', 'happened');
    expect(await worker.terminate()).toBe(0);
    expect(await server.terminate()).toBe(0);
  }, 120_000);
});
