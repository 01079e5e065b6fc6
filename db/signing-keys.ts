import { randomBytes } from 'node:crypto';
import { desc, gt, isNull, or, sql } from 'drizzle-orm';
import { HooklineError } from '../domain/errors.ts';
import type { Cipher } from './cipher.ts';
import { newId } from './id.ts';
import type { Db } from './open.ts';
import { pageOf, pageQuery, type Page, type PageRequest } from './page.ts';
import { signingKeys } from './schema/deliveries.ts';
import { sealed } from './sealed.ts';

/** A key as receivers need it; without `retiresAt` it stays. */
export type SigningKey = { id: string; secret: string; activeFrom: Date; retiresAt: Date | null };

/** Any constant will do: whoever adds a key holds it, so that two at once take turns. */
const KEYS_LOCK = 7_263_482;
const MOST_ACTIVE = 5;

const { rowOf } = sealed.signingKey;
const activeAt = (at: Date) => or(isNull(signingKeys.retiresAt), gt(signingKeys.retiresAt, at));

/** The keys that sign at a moment, newest first; the first of all is made here when it is first needed. */
export async function listActiveSigningKeys(db: Db, cipher: Cipher, at: Date): Promise<SigningKey[]> {
  const read = () =>
    db.select().from(signingKeys).where(activeAt(at)).orderBy(desc(signingKeys.activeFrom), desc(signingKeys.id));
  const known = await read();
  if (known.length > 0) return known.map(opened(cipher));
  await ensureSigningKey(db, cipher);
  return (await read()).map(opened(cipher));
}

/** All keys, also those that have retired. */
export async function listSigningKeys(db: Db, cipher: Cipher, page: PageRequest): Promise<Page<SigningKey>> {
  await ensureSigningKey(db, cipher);
  const query = pageQuery(page, signingKeys.id, signingKeys.activeFrom, []);
  const rows = await db.select().from(signingKeys).where(query.where).orderBy(query.orderBy).limit(query.limit);
  const { data, nextCursor } = pageOf(rows, page.limit);
  return { data: data.map(opened(cipher)), nextCursor };
}

/**
 * Adds a key, a given secret or a new one, which signs at once; all others sign until the overlap is over at the latest.
 * @throws HooklineError `signing.too_many_keys`: then nothing has changed.
 */
export function rotateSigningKey(
  db: Db,
  cipher: Cipher,
  { secret, overlapMs }: { secret?: string | undefined; overlapMs: number },
): Promise<SigningKey> {
  return db.transaction(async (tx) => {
    const at = await takeTurn(tx);
    const before = await tx.select().from(signingKeys).where(activeAt(at));
    if (overlapMs > 0 && before.length >= MOST_ACTIVE) throw tooMany(before);
    const end = new Date(at.getTime() + overlapMs).toISOString();
    await tx
      .update(signingKeys)
      .set({ retiresAt: sql`least(${signingKeys.retiresAt}, ${end}::timestamptz)` })
      .where(activeAt(at));
    return addKey(tx, cipher, at, secret);
  });
}

async function ensureSigningKey(db: Db, cipher: Cipher): Promise<void> {
  const isThere = async (tx: Db) => (await tx.select({ id: signingKeys.id }).from(signingKeys).limit(1)).length > 0;
  if (await isThere(db)) return;
  await db.transaction(async (tx) => {
    const at = await takeTurn(tx);
    if (!(await isThere(tx))) await addKey(tx, cipher, at);
  });
}

/** Waits for those who add a key, and answers the time after that, by the clock of Postgres. */
async function takeTurn(tx: Db): Promise<Date> {
  await tx.execute(sql`select pg_advisory_xact_lock(${KEYS_LOCK})`);
  const [row] = await tx.execute<{ ms: number }>(
    sql`select floor(extract(epoch from clock_timestamp()) * 1000)::float8 as ms`,
  );
  return new Date(row?.ms ?? Number.NaN);
}

async function addKey(tx: Db, cipher: Cipher, activeFrom: Date, given?: string): Promise<SigningKey> {
  const secret = given ?? `whsec_${randomBytes(32).toString('base64')}`;
  const id = newId('sgk');
  await tx.insert(signingKeys).values({ id, secret: cipher.seal(secret, rowOf(id)), activeFrom });
  return { id, secret, activeFrom, retiresAt: null };
}

const opened =
  (cipher: Cipher) =>
  (row: typeof signingKeys.$inferSelect): SigningKey => ({ ...row, secret: cipher.open(row.secret, rowOf(row.id)) });

function tooMany(active: (typeof signingKeys.$inferSelect)[]): HooklineError {
  const ends = active.flatMap(({ retiresAt }) => retiresAt?.getTime() ?? []);
  return new HooklineError(
    'signing.too_many_keys',
    `${active.length} keys are active, and there may be ${MOST_ACTIVE}. Rotate after ${new Date(Math.min(...ends)).toISOString()}, ` +
      'when the next of them retires, or with the overlap 0s, which retires them all at once.',
  );
}
