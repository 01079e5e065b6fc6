import { sql } from 'drizzle-orm';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openDatabase } from '../../db/open.ts';
import { isUnavailable } from '../../db/unavailable.ts';
import { createTestDatabase, type TestDatabase } from '../support/database.ts';

let database: TestDatabase;

beforeAll(async () => {
  database = await createTestDatabase();
});
afterAll(() => database.close());

/** What a statement is refused with, at this address. */
async function failureOf(url: string, statement: string): Promise<unknown> {
  const { db, close } = openDatabase(url, { max: 1, application: 'hookline test' });
  try {
    return await db.execute(sql.raw(statement)).then(
      () => null,
      (error: unknown) => error,
    );
  } finally {
    await close();
  }
}

describe('a failed query says that Postgres is away', () => {
  it.each([
    ['where nobody listens', 'postgres://postgres@127.0.0.1:9/none', 'select 1'],
    ['where the host has no address', 'postgres://postgres@no-such-host.invalid/none', 'select 1'],
    ['when the server ended the connection', null, 'select pg_terminate_backend(pg_backend_pid())'],
  ])('%s', async (_where, url, statement) => {
    expect(isUnavailable(await failureOf(url ?? database.url, statement))).toBe(true);
  });

  it.each([
    ['a statement that is wrong', 'select no_such_column'],
    ['a value that is refused', "insert into people (key, id, attributes) values ('per_1', null, '{}')"],
  ])('but not for %s', async (_what, statement) => {
    const failure = await failureOf(database.url, statement);
    expect(failure).toBeInstanceOf(Error);
    expect(isUnavailable(failure)).toBe(false);
  });
});
