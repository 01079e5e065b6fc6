import { randomUUID } from 'node:crypto';
import { sql } from 'drizzle-orm';
import postgres from 'postgres';
import { inject } from 'vitest';
import { migrate } from '../../db/migrate.ts';
import { openDatabase, type Database } from '../../db/open.ts';

export type TestDatabase = Database & {
  url: string;
  /** Forgets everybody, and all segments and campaigns. */
  clear(): Promise<void>;
};

/**
 * A database of one's own, copied from the migrated template; `close` drops it. With a `locale` it sorts texts as people of that
 * language do, as most databases out there, and not by code point.
 */
export async function createTestDatabase({ locale }: { locale?: string } = {}): Promise<TestDatabase> {
  const template = new URL(inject('templateUrl'));
  const name = `test_${randomUUID().replaceAll('-', '')}`;
  const like = locale ? `template0 locale_provider icu icu_locale '${locale}'` : template.pathname.slice(1);
  await administer(template, `create database ${name} template ${like}`);
  const url = Object.assign(new URL(template), { pathname: `/${name}` }).href;
  if (locale) await migrate(url);
  const database = openDatabase(url, { max: 20, application: 'hookline test' });
  return {
    ...database,
    url,
    async clear() {
      await database.db.execute(sql`truncate people, segments, campaigns, sweeps, outcomes, commands cascade`);
    },
    async close() {
      await database.close();
      await administer(template, `drop database ${name} with (force)`);
    },
  };
}

/** The template must have no connections while it is copied, so administration goes through the database `postgres`. */
async function administer(template: URL, statement: string): Promise<void> {
  const admin = postgres(Object.assign(new URL(template), { pathname: '/postgres' }).href, { max: 1 });
  try {
    await admin.unsafe(statement);
  } finally {
    await admin.end();
  }
}
