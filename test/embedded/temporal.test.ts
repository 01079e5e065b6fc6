import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Client, Connection } from '@temporalio/client';
import { afterEach, beforeEach, describe, expect, inject, it } from 'vitest';
import { portOf } from '../../embedded/free-port.ts';
import { startTemporal } from '../../embedded/temporal.ts';
import type { Temporal, TemporalOptions } from '../../embedded/temporal.ts';

let dataDir: string;
let running: Temporal[];

beforeEach(async () => {
  dataDir = await mkdtemp(join(tmpdir(), 'hookline-temporal-'));
  running = [];
});
afterEach(async () => {
  await Promise.all(running.map(({ child }) => child.stop()));
  await rm(dataDir, { recursive: true });
});

async function start(options: Partial<TemporalOptions> = {}): Promise<Temporal> {
  const server = await startTemporal({ binary: inject('temporalBinary'), dataDir, uiPort: false, ...options });
  running.push(server);
  return server;
}

async function using<T>(server: Temporal, task: (client: Client) => Promise<T>): Promise<T> {
  const connection = await Connection.connect({ address: server.address });
  try {
    return await task(new Client({ connection }));
  } finally {
    await connection.close();
  }
}

async function startWorkflow(server: Temporal): Promise<void> {
  await using(server, (client) =>
    client.workflow.start('sleeper', { workflowId: 'journey/1', taskQueue: 'nobody', memo: { note: 'waiting' } }),
  );
}

async function noteOfWorkflow(server: Temporal): Promise<unknown> {
  return using(server, async (client) => {
    const description = await client.workflow.getHandle('journey/1').describe();
    return description.memo?.note;
  });
}

describe('embedded Temporal', () => {
  it('starts again with its workflows, on the same port', async () => {
    const first = await start();
    await startWorkflow(first);
    // In order, however long a busy machine takes for it.
    expect((await first.child.stop(30_000)).code).toBe(0);
    const second = await start({ port: first.port });
    expect([second.address, await noteOfWorkflow(second)]).toEqual([first.address, 'waiting']);
  });

  it('starts again with its workflows after SIGKILL', async () => {
    const first = await start();
    await startWorkflow(first);
    first.child.kill();
    expect(await noteOfWorkflow(await start())).toBe('waiting');
  });

  it('runs beside others in memory, and shows its Web UI', async () => {
    const [one, other] = await Promise.all([start({ inMemory: true, uiPort: undefined }), start({ inMemory: true })]);
    expect(one.port).not.toBe(other.port);
    expect((await fetch(one.uiUrl ?? '')).status).toBe(200);
    expect(other.uiUrl).toBeUndefined();
  });

  it('says so when another server has its fixed port', async () => {
    const other = createServer().listen(0, '127.0.0.1');
    await once(other, 'listening');
    await expect(start({ port: portOf(other) })).rejects.toThrow(/Temporal ended with exit code 1[^]*already in use/);
    other.close();
  });
});
