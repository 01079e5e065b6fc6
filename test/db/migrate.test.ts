import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import postgres from 'postgres';
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import { migrate } from '../../db/migrate.ts';
import { eventually } from '../support/eventually.ts';

const name = `empty_${randomUUID().replaceAll('-', '')}`;
const url = () => Object.assign(new URL(inject('templateUrl')), { pathname: `/${name}` }).href;
let admin: postgres.Sql;

beforeAll(async () => {
  admin = postgres(Object.assign(new URL(inject('templateUrl')), { pathname: '/postgres' }).href, { max: 1 });
  await admin`create database ${admin(name)}`;
});
afterAll(async () => {
  await admin`drop database ${admin(name)} with (force)`;
  await admin.end();
});

async function query(text: string) {
  const client = postgres(url(), { max: 1 });
  try {
    return [...(await client.unsafe(text))];
  } finally {
    await client.end();
  }
}

const COLUMNS = `select table_name, column_name, data_type from information_schema.columns
  where table_schema = 'public' order by table_name, column_name`;

/** Of this database: those of others are in use by other tests. */
const LOCKS = `select pid from pg_locks join pg_database on oid = database
  where locktype = 'advisory' and datname = current_database()`;

describe('migrations', () => {
  it('are done once when several processes start on an empty database at the same time', async () => {
    await Promise.all([1, 2, 3, 4].map(() => migrate(url())));
    const done = await query('select hash from drizzle.__drizzle_migrations');
    expect(done.length).toBeGreaterThan(0);
    expect(new Set(done.map((row) => row['hash'])).size).toBe(done.length);
  });

  it('change nothing the second time, and keep what is stored', async () => {
    await query("insert into people (key, id, attributes) values ('per_1', 'ada', '{}')");
    const before = await query(COLUMNS);
    await migrate(url());
    expect(await query(COLUMNS)).toEqual(before);
    expect(await query('select id from people')).toEqual([{ id: 'ada' }]);
    await eventually(async () => (await query(LOCKS)).length === 0);
  });

  it('say why they cannot be done', async () => {
    const nowhere = Object.assign(new URL(url()), { pathname: '/no_such_database' }).href;
    const remedy = 'Start Postgres there, or correct host, port, user, password or database.';
    for (const [address, why] of [
      [nowhere, 'database "no_such_database" does not exist'],
      ['postgres://nobody@127.0.0.1:1/x', 'connect ECONNREFUSED 127.0.0.1:1'],
      ['postgres://nobody@127.0.0.1:1/x?target_session_attrs=any', 'target_session_attrs any is not supported'],
    ] as const) {
      await expect(migrate(address)).rejects.toThrow(`DATABASE_URL: ${why}. ${remedy}`);
    }
  });

  it('are given up where none of several hosts answers', async () => {
    const twoDown = 'postgres://nobody@127.0.0.1:1,127.0.0.1:2/x';
    await expect(migrate(twoDown, 500)).rejects.toThrow('DATABASE_URL: no answer within 0.5 s. Start Postgres there');
  });

  it('wait for another process that migrates, however long it takes', async () => {
    const other = postgres(url(), { max: 1 });
    await other`select pg_advisory_lock(7263481)`;
    const migrated = migrate(url(), 2_000).then(() => 'migrated');
    await expect(Promise.race([migrated, sleep(3_000)])).resolves.toBeUndefined();
    await other.end();
    expect(await migrated).toBe('migrated');
  });

  it('say what right they need', async () => {
    const username = `stranger_${randomUUID().replaceAll('-', '')}`;
    await query(`create user ${username} password 'stranger'`);
    const stranger = Object.assign(new URL(url()), { username, password: 'stranger' }).href;
    const failure = await migrate(stranger).catch((error: unknown) => String(error));
    await query(`drop user ${username}`);
    expect(failure).toMatch(
      /DATABASE_URL: the schema of the database could not be brought up to date: .*permission denied/,
    );
    expect(failure).toMatch(/\. Let its user create schemas and tables there\.$/);
  });
});
