import { and, eq, gt, sql } from 'drizzle-orm';
import type { Cipher } from './cipher.ts';
import type { Db } from './open.ts';
import { idempotency } from './schema/api-keys.ts';
import { sealed } from './sealed.ts';
import { isDeadlock } from './unavailable.ts';

/** `id` is a SHA-256 in hex, and names what may be repeated; another hash under it is another request. */
export type RepeatableRequest = { id: string; requestHash: string };

export type OnceResult<T> =
  | { type: 'done'; answer: T }
  | { type: 'repeated'; answer: string }
  | { type: 'mismatch' }
  /** The same request is under way. */
  | { type: 'inProgress' };

/** What is several transactions without a key is one with it, and may hold rows in an order that crosses that of another. */
const MOST_TRIES = 5;

const KEPT = sql`statement_timestamp() - interval '24 hours'`;
const { rowOf } = sealed.repeatable;

/**
 * Does what a request asks for at most once: what it writes and `textOf` its answer are one transaction, so that a crash leaves both
 * or neither, and a repeat gets the text back. What throws leaves nothing, and may be repeated. Nobody waits for another: a
 * connection that waited here could be the one that the other needs.
 */
export async function doOnce<T>(
  db: Db,
  cipher: Cipher,
  { id, requestHash }: RepeatableRequest,
  run: (tx: Db) => Promise<T>,
  textOf: (answer: T) => string,
): Promise<OnceResult<T>> {
  for (let tries = 1; ; tries += 1) {
    try {
      return await attempt(db, cipher, { id, requestHash }, run, textOf);
    } catch (error) {
      if (tries === MOST_TRIES || !isDeadlock(error)) throw error;
    }
  }
}

function attempt<T>(
  db: Db,
  cipher: Cipher,
  { id, requestHash }: RepeatableRequest,
  run: (tx: Db) => Promise<T>,
  textOf: (answer: T) => string,
): Promise<OnceResult<T>> {
  return db.transaction(async (tx) => {
    const bits = Buffer.from(id, 'hex');
    const [lock] = await tx.execute<{ held: boolean }>(
      sql`select pg_try_advisory_xact_lock(${bits.readInt32BE(0)}::int, ${bits.readInt32BE(4)}::int) as held`,
    );
    const [earlier] = await tx
      .select()
      .from(idempotency)
      .where(and(eq(idempotency.id, id), gt(idempotency.createdAt, KEPT)));
    if (earlier && earlier.requestHash !== requestHash) return { type: 'mismatch' };
    if (earlier) return { type: 'repeated', answer: cipher.open(earlier.answer, rowOf(id)) };
    if (!lock?.held) return { type: 'inProgress' };
    const answer = await run(tx);
    const row = { requestHash, answer: cipher.seal(textOf(answer), rowOf(id)), createdAt: sql`statement_timestamp()` };
    await tx
      .insert(idempotency)
      .values({ id, ...row })
      .onConflictDoUpdate({ target: idempotency.id, set: row });
    return { type: 'done', answer };
  });
}

/** Deletes answers that nobody can ask for any more. Answers how many. */
export async function sweepAnswers(db: Db): Promise<number> {
  const swept = await db.execute(sql`
    delete from idempotency where id in (
      select id from idempotency where created_at <= ${KEPT} limit 1000 for update skip locked)
    returning 1`);
  return swept.length;
}
