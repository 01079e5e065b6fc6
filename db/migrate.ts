import { fileURLToPath } from 'node:url';
import { drizzle } from 'drizzle-orm/postgres-js';
import { migrate as runMigrations } from 'drizzle-orm/postgres-js/migrator';
import postgres, { type Sql } from 'postgres';
import { HooklineError } from '../domain/errors.ts';
import { plainError } from './plain-error.ts';
import { soon } from './soon.ts';

/** Any constant will do: it only has to be the same in every process that migrates. */
const MIGRATION_LOCK = 7_263_481;

/** In whatever language the server says it. */
const INSUFFICIENT_PRIVILEGE = '42501';

/** Of several hosts that are all down the driver tries one after the other for ever, each for so long. */
const CONNECT_TIMEOUT_S = 10;
const CONNECT_MS = 30_000;

/**
 * Brings the schema up to date. Several processes may start at once: an advisory lock lets one do it while the others wait.
 * @throws HooklineError `config.invalid` where the database cannot be reached, used or changed.
 */
export async function migrate(url: string, connectMs = CONNECT_MS): Promise<void> {
  let client: Sql | undefined;
  let isConnected = false;
  try {
    client = postgres(url, { max: 1, connect_timeout: CONNECT_TIMEOUT_S, onnotice: () => {} });
    await soon(client`select 1`, connectMs);
    isConnected = true;
    await client`select pg_advisory_lock(${MIGRATION_LOCK})`;
    await runMigrations(drizzle(client), { migrationsFolder: fileURLToPath(new URL('./migrations', import.meta.url)) });
  } catch (cause) {
    const plain = plainError(cause);
    const isForbidden = 'code' in plain && plain.code === INSUFFICIENT_PRIVILEGE;
    const remedy = isForbidden ? ' Let its user create schemas and tables there.' : '';
    const message = isConnected
      ? `the schema of the database could not be brought up to date: ${plain.message}.${remedy}`
      : `${plain.message}. Start Postgres there, or correct host, port, user, password or database.`;
    throw new HooklineError('config.invalid', `DATABASE_URL: ${message}`, { cause });
  } finally {
    await client?.end({ timeout: 1 });
  }
}
