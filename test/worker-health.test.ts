import { describe, expect, it } from 'vitest';
import { startWorkerHealth } from '../worker-health.ts';

const fine = async () => 'here';
const away = async () => {
  throw new Error('away');
};

/** What a worker with these checks answers. */
async function asked(path: string, checks: Record<string, () => Promise<unknown>>) {
  const health = await startWorkerHealth(0, checks);
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
