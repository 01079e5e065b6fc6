import { fileURLToPath } from 'node:url';
import { drizzle } from 'drizzle-orm/postgres-js';
import { migrate as runMigrations } from 'drizzle-orm/postgres-js/migrator';
import postgres from 'postgres';
import { HooklineError } from '../domain/errors.ts';
import { plainError } from './plain-error.ts';

/** Any constant will do: it only has to be the same in every process that migrates. */
const MIGRATION_LOCK = 7_263_481;

/**
 * Brings the schema up to date. Several processes may start at once: an advisory lock lets one do it while the others wait.
 * @throws HooklineError `config.invalid` where the database cannot be reached, used or changed.
 */
export async function migrate(url: string): Promise<void> {
  const client = postgres(url, { max: 1, onnotice: () => {} });
  try {
    await client`select pg_advisory_lock(${MIGRATION_LOCK})`;
    await runMigrations(drizzle(client), { migrationsFolder: fileURLToPath(new URL('./migrations', import.meta.url)) });
  } catch (cause) {
    const { message } = plainError(cause);
    throw new HooklineError(
      'config.invalid',
      `DATABASE_URL: ${message}. Start Postgres there, or correct the address.`,
      {
        cause,
      },
    );
  } finally {
    await client.end();
  }
}
