import { connect, createServer, type Socket } from 'node:net';
import type { AddressInfo } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { openDatabase } from '../../db/open.ts';
import { isUnavailable } from '../../db/unavailable.ts';
import { createTestDatabase, type TestDatabase } from '../support/database.ts';

let database: TestDatabase;

beforeAll(async () => {
  database = await createTestDatabase();
});
afterAll(() => database.close());

/** A way to Postgres whose connections can be made to pass nothing on, while they stay open; new ones pass all. */
async function startPooler(url: URL) {
  const open = new Set<Socket>();
  const server = createServer((client) => {
    const upstream = connect(Number(url.port), url.hostname);
    for (const socket of [client, upstream]) {
      open.add(socket);
      socket.on('error', () => {}).on('close', () => open.delete(socket));
    }
    client.pipe(upstream).pipe(client);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    port: (server.address() as AddressInfo).port,
    forget: () => open.forEach((socket) => socket.unpipe().resume()),
    close() {
      open.forEach((socket) => socket.destroy());
      server.close();
    },
  };
}

it('a connection that goes silent while a query waits is given up, and the next query has a new one; one at rest is kept', async () => {
  const url = new URL(database.url);
  const pooler = await startPooler(new URL(database.url));
  url.host = `127.0.0.1:${pooler.port}`;
  const own = openDatabase(url.href, { max: 1, application: 'hookline test', silentS: 1 });
  const pid = async () => [...(await own.db.execute<{ pid: number }>('select pg_backend_pid() as pid'))][0]?.pid;
  const first = await pid();
  await own.db.execute('select pg_sleep(0.1)');
  await sleep(1_500);
  expect(await pid()).toBe(first);

  pooler.forget();
  // Who asks on meanwhile does not keep it.
  const answers = await Promise.all(
    Array.from({ length: 12 }, async (_, turn) => {
      await sleep(turn * 200);
      return pid().catch((thrown: unknown) => thrown);
    }),
  );
  expect(isUnavailable(answers[0])).toBe(true);
  const last = await pid();
  expect(last).toEqual(expect.any(Number));
  expect(last).not.toBe(first);
  await own.close();
  pooler.close();
});
