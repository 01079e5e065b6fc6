import { and, asc, eq, lte, sql } from 'drizzle-orm';
import type { Db } from './open.ts';
import { PURGED, purges, type Purged } from './schema/retention.ts';

/** What goes: what is older than `before`, and events that are older than `eventsBefore`; null where nothing goes. */
export type Ages = { before: Date | null; eventsBefore: Date | null };

export type Purge = typeof purges.$inferSelect;

const FAILED_PAUSE_MS = 60_000;

/** Makes the rows at which relays take turns. */
export async function preparePurges(db: Db): Promise<void> {
  await db
    .insert(purges)
    .values(PURGED.map((what) => ({ what })))
    .onConflictDoNothing();
}

/** Holds what is due, of what nobody else holds. */
export async function claimPurge(tx: Db, now: Date): Promise<Purge | undefined> {
  const [purge] = await tx
    .select()
    .from(purges)
    .where(lte(purges.dueAt, now))
    .orderBy(asc(purges.dueAt), asc(purges.what))
    .limit(1)
    .for('no key update', { skipLocked: true });
  return purge;
}

/** Notes how far a purge that is held has come, and when it goes on. */
export async function movePurge(tx: Db, what: Purged, to: { cursor: string | null; dueAt: Date }): Promise<void> {
  await tx.update(purges).set(to).where(eq(purges.what, what));
}

/** Keeps what could not be purged from holding up the others; whoever has come further meanwhile is left alone. */
export async function postponePurge(db: Db, { what, dueAt }: Purge, now: Date): Promise<void> {
  await db
    .update(purges)
    .set({ dueAt: new Date(now.getTime() + FAILED_PAUSE_MS) })
    .where(and(eq(purges.what, what), eq(purges.dueAt, dueAt)));
}

/** How many rows of one kind a page deletes at most. */
export const ROWS_AT_ONCE = 200;

/** Of what brings others along: a journey its log and deliveries, a delivery its attempts. */
export const TREES_AT_ONCE = 50;

/** Nothing is sent of these any more, unless somebody asks for it. */
export const SETTLED = sql`state in ('sent', 'failed', 'discarded', 'skipped', 'cancelled')`;

export const iso = (moment: Date) => sql`${moment.toISOString()}::timestamptz`;
