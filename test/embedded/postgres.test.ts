import { once } from 'node:events';
import { mkdir, mkdtemp, readlink, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import postgres from 'postgres';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { portOf } from '../../embedded/free-port.ts';
import { startPostgres } from '../../embedded/postgres.ts';
import type { Postgres, PostgresOptions } from '../../embedded/postgres.ts';
import { restoreLinks } from '../../embedded/postgres-binaries.ts';

let dataDir: string;
const running: Postgres[] = [];

// One folder for all, because making a cluster takes a second. Only its owner may enter it, as in a clone below a home folder.
beforeAll(async () => {
  dataDir = await mkdtemp(join(tmpdir(), 'hookline-postgres-'));
});
afterEach(() => Promise.all(running.splice(0).map(({ child }) => child.stop())));
afterAll(() => rm(dataDir, { recursive: true }));

async function start(options: Partial<PostgresOptions> = {}): Promise<Postgres> {
  const server = await startPostgres({ dataDir, settings: { fsync: 'off' }, ...options });
  running.push(server);
  return server;
}

async function query(server: Postgres, text: string): Promise<unknown[]> {
  const sql = postgres(server.url, { max: 1, onnotice: () => {} });
  try {
    return [...(await sql.unsafe(text))];
  } finally {
    await sql.end();
  }
}

describe('embedded Postgres', () => {
  it('starts, keeps data over a restart, and asks for its password', async () => {
    const first = await start();
    await query(first, "CREATE TABLE notes (text text); INSERT INTO notes VALUES ('kept ✓')");
    // In order, however long a busy machine takes for it.
    expect((await first.child.stop(30_000)).code).toBe(0);

    const second = await start();
    expect(await query(second, 'SELECT text FROM notes')).toEqual([{ text: 'kept ✓' }]);
    expect(second.url).toMatch(/^postgres:\/\/postgres:[0-9a-f]{48}@127\.0\.0\.1:\d+\/hookline$/);
    const stranger = { ...second, url: second.url.replace(/:[0-9a-f]{48}@/, ':guess@') };
    await expect(query(stranger, 'SELECT 1')).rejects.toThrow('password authentication failed');
  });

  it('takes port, database and settings from its options', async () => {
    const { port, child } = await start();
    await child.stop();
    const server = await start({ port, database: 'other', settings: { fsync: 'off', max_connections: '33' } });
    expect(server.url).toContain(`:${port}/other`);
    expect(await query(server, 'SHOW max_connections')).toEqual([{ max_connections: '33' }]);
  });

  it('comes back with what was committed after SIGKILL, at once', async () => {
    const first = await start({ settings: {} });
    await query(first, 'CREATE TABLE numbers (n int); INSERT INTO numbers SELECT generate_series(1, 1000)');
    first.child.kill();
    const second = await start({ settings: {} });
    expect(await query(second, 'SELECT count(*)::int FROM numbers')).toEqual([{ count: 1000 }]);
  });

  it("is not stopped by a postmaster.pid whose id has passed to another of this user's programs", async () => {
    const first = await start();
    first.child.kill();
    await first.child.exited;
    await writeFile(
      join(dataDir, 'postgres/postmaster.pid'),
      `${process.pid}\n${dataDir}/postgres\n1\n5432\n\n127.0.0.1\n`,
    );
    await start();
  });

  it('makes its files again when the first start was cut short', async () => {
    const folder = await mkdtemp(join(dataDir, 'cut-short-'));
    await mkdir(join(folder, 'postgres.unfinished/base'), { recursive: true });
    await start({ dataDir: folder });
  });

  it('says why it does not start, with the end of its log', async () => {
    await expect(start({ settings: { no_such_setting: '1' } })).rejects.toThrow(
      /^Postgres ended with exit code 1\. Its log, .*postgres\.log, ends with:\n.*unrecognized configuration parameter "no_such_setting"/,
    );
  });

  it('says so when another server has its fixed port', async () => {
    const other = createServer().listen(0, '127.0.0.1');
    await once(other, 'listening');
    await expect(start({ port: portOf(other) })).rejects.toThrow('Address already in use');
    other.close();
  });

  it('restores the links of its libraries, also when two do it at once', async () => {
    const folder = await mkdtemp(join(dataDir, 'package-'));
    await mkdir(join(folder, 'native/lib'), { recursive: true });
    const links = [{ source: 'native/lib/libpq.so.5.18', target: 'native/lib/libpq.so.5' }];
    await writeFile(join(folder, 'native/pg-symlinks.json'), JSON.stringify(links));
    await Promise.all([restoreLinks(folder), restoreLinks(folder)]);
    await restoreLinks(folder);
    expect(await readlink(join(folder, 'native/lib/libpq.so.5'))).toBe('libpq.so.5.18');
  });
});
