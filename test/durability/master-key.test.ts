import { randomBytes } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createTestDatabase, type TestDatabase } from '../support/database.ts';
import { prepareProcesses, type Processes } from '../support/processes.ts';

let database: TestDatabase;
let hookline: Processes;

beforeAll(async () => {
  database = await createTestDatabase();
  hookline = await prepareProcesses({ databaseUrl: database.url });
});
afterAll(async () => {
  await hookline.stop();
  await database.close();
});

describe('a master key that the database was not encrypted with', () => {
  it('stops server and worker at their start, and opens what it should as a previous key', async () => {
    const key = randomBytes(32).toString('base64');
    const server = hookline.startServer({ HOOKLINE_MASTER_KEY: key });
    await server.ready;
    await server.kill();

    const other = { HOOKLINE_MASTER_KEY: randomBytes(32).toString('base64') };
    const strangers = [hookline.startServer(other), hookline.startWorker(other)];
    for (const stranger of strangers) {
      expect(await stranger.exited).toEqual({ code: 1, signal: null });
      expect(stranger.lines.join('\n')).toContain('HOOKLINE_MASTER_KEY is not the key');
    }
    await hookline.startServer({ ...other, HOOKLINE_PREVIOUS_MASTER_KEYS: key }).ready;
  });
});
