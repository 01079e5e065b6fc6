import { sql } from 'drizzle-orm';
import type { Cipher } from './cipher.ts';
import type { Db } from './open.ts';
import { secrets } from './schema/deliveries.ts';

const rowOf = (name: string) => `secrets/${name}`;

/** Stores a secret, or its new value. */
export async function putSecret(db: Db, cipher: Cipher, name: string, value: string): Promise<void> {
  const sealed = cipher.seal(value, rowOf(name));
  await db
    .insert(secrets)
    .values({ name, value: sealed })
    .onConflictDoUpdate({ target: secrets.name, set: { value: sealed, updatedAt: sql`now()` } });
}

/** All secrets, opened: for rendering only. */
export async function readSecrets(db: Db, cipher: Cipher): Promise<Record<string, string>> {
  const rows = await db.select().from(secrets);
  return Object.fromEntries(rows.map((row) => [row.name, cipher.open(row.value, rowOf(row.name))]));
}
