import { and, eq, ne, sql } from 'drizzle-orm';
import { HooklineError } from '../domain/errors.ts';
import type { Cipher } from './cipher.ts';
import type { Db } from './open.ts';
import { pageOf, pageQuery, type Page, type PageRequest } from './page.ts';
import { secrets } from './schema/deliveries.ts';
import { sealed } from './sealed.ts';

/** The row that proves the master key and is no secret: the API takes no name with a blank. */
const KEY_CHECK = 'master key';

const { rowOf } = sealed.secret;

/** Stores a secret, or its new value. */
export async function putSecret(db: Db, cipher: Cipher, name: string, value: string): Promise<void> {
  const fresh = cipher.seal(value, rowOf(name));
  await db
    .insert(secrets)
    .values({ name, value: fresh })
    .onConflictDoUpdate({ target: secrets.name, set: { value: fresh, updatedAt: sql`clock_timestamp()` } });
}

/** The names of the secrets, as `id`. */
export async function listSecrets(db: Db, page: PageRequest): Promise<Page<{ id: string }>> {
  const query = pageQuery(page, secrets.name, secrets.createdAt, [ne(secrets.name, KEY_CHECK)]);
  const rows = await db
    .select({ id: secrets.name })
    .from(secrets)
    .where(query.where)
    .orderBy(query.orderBy)
    .limit(query.limit);
  return pageOf(rows, page.limit);
}

/** Answers whether it was there. */
export async function deleteSecret(db: Db, name: string): Promise<boolean> {
  const gone = await db
    .delete(secrets)
    .where(and(eq(secrets.name, name), ne(secrets.name, KEY_CHECK)))
    .returning({ name: secrets.name });
  return gone.length > 0;
}

/** All secrets, opened: for rendering only. */
export async function readSecrets(db: Db, cipher: Cipher): Promise<Record<string, string>> {
  const rows = await db.select().from(secrets).where(ne(secrets.name, KEY_CHECK));
  return Object.fromEntries(rows.map((row) => [row.name, cipher.open(row.value, rowOf(row.name))]));
}

/**
 * Makes sure that the master key opens what this database holds; the first process to start leaves the proof.
 * @throws HooklineError `secrets.wrong_key`.
 */
export async function checkMasterKey(db: Db, cipher: Cipher): Promise<void> {
  await db
    .insert(secrets)
    .values({ name: KEY_CHECK, value: cipher.seal('', rowOf(KEY_CHECK)) })
    .onConflictDoNothing();
  const [row] = await db.select().from(secrets).where(eq(secrets.name, KEY_CHECK));
  try {
    if (row) cipher.open(row.value, rowOf(KEY_CHECK));
  } catch (cause) {
    throw new HooklineError(
      'secrets.wrong_key',
      'HOOKLINE_MASTER_KEY is not the key that this database was encrypted with. Set that key, or add it to HOOKLINE_PREVIOUS_MASTER_KEYS.',
      { cause },
    );
  }
}
