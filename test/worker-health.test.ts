import { sql } from 'drizzle-orm';
import { describe, expect, it } from 'vitest';
import { startWorkerHealth } from '../worker-health.ts';
import { createTestDatabase } from './support/database.ts';
import { eventually } from './support/eventually.ts';
import { lastingPort } from './support/lasting-port.ts';
import { holdTransaction } from './support/locks.ts';
import { prepareProcesses } from './support/processes.ts';

const fine = async () => 'here';
const away = async () => {
  throw new Error('away');
};

/** What a worker with these checks answers. */
async function asked(path: string, checks: Record<string, () => Promise<unknown>>, hasStarted = true) {
  const health = await startWorkerHealth(0, checks, () => hasStarted);
  const response = await fetch(`http://127.0.0.1:${health.port}${path}`);
  const body: unknown = await response.json();
  await health.stop();
  return { status: response.status, body };
}

describe('what a worker says of itself', () => {
  it('is that it lives, whoever else does', async () => {
    expect(await asked('/healthz', { Temporal: away })).toEqual({ status: 200, body: { status: 'ok' } });
  });

  it('is that it is ready while all that it needs answers', async () => {
    expect(await asked('/readyz', { Postgres: fine, Temporal: fine })).toEqual({
      status: 200,
      body: { status: 'ready' },
    });
  });

  it('is that it is not ready before it has started, whatever answers', async () => {
    expect(await asked('/readyz', { Postgres: fine, Temporal: fine }, false)).toEqual({
      status: 503,
      body: { status: 'waiting', missing: 'the start is not done' },
    });
  });

  it('is that it lives, and is not ready, while it waits for the migrations', async ({ onTestFinished }) => {
    const database = await createTestDatabase();
    const hookline = await prepareProcesses({ databaseUrl: database.url });
    onTestFinished(async () => {
      await hookline.stop();
      await database.close();
    });
    const port = await lastingPort();
    const statusOf = async (path: string) => (await fetch(`http://127.0.0.1:${port}${path}`)).status;
    const release = await holdTransaction(database.db, (tx) =>
      tx.execute(sql`lock table drizzle.__drizzle_migrations in access exclusive mode`),
    );
    const worker = hookline.startWorker({ HOOKLINE_WORKER_PORT: String(port) });
    await eventually(async () => (await statusOf('/healthz').catch(() => 0)) === 200);
    expect(await statusOf('/readyz')).toBe(503);
    await release();
    await worker.ready;
    expect(await statusOf('/readyz')).toBe(200);
  });

  it('names what does not answer', async () => {
    expect(await asked('/readyz', { Postgres: fine, Temporal: away })).toEqual({
      status: 503,
      body: { status: 'waiting', missing: 'Temporal cannot be reached' },
    });
  });

  it('waits for nobody for ever', async () => {
    const hangs = () => new Promise<never>(() => {});
    expect(await asked('/readyz', { Postgres: hangs, Temporal: away })).toMatchObject({
      body: { missing: 'Postgres and Temporal cannot be reached' },
    });
  });

  it('is nothing else', async () => {
    expect((await asked('/', {})).status).toBe(404);
  });
});
