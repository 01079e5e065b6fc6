import { and, asc, eq, lte, sql } from 'drizzle-orm';
import type { Db } from './open.ts';
import { sweeps, type SweepType } from './schema/sweeps.ts';

export type Sweep = typeof sweeps.$inferSelect;

const FAILED_PAUSE = '5 s';

/** Begins a sweep, or begins it anew; one that is silent stays it. It waits for the page that is under way, which knew what was before. */
export async function startSweep(
  tx: Db,
  type: SweepType,
  subject: string,
  { silent = false }: { silent?: boolean } = {},
): Promise<void> {
  await tx
    .insert(sweeps)
    .values({ type, subject, silent })
    .onConflictDoUpdate({ target: [sweeps.type, sweeps.subject], set: { cursor: null, dueAt: sql`to_timestamp(0)` } });
}

/** Sees to a sweep that comes again and again. */
export async function keepSweep(tx: Db, type: SweepType, subject: string): Promise<void> {
  await tx.insert(sweeps).values({ type, subject }).onConflictDoNothing();
}

export async function endSweep(tx: Db, type: SweepType, subject: string): Promise<void> {
  await tx.delete(sweeps).where(isSweep({ type, subject }));
}

/** Holds the sweep whose turn it is, of those that nobody else holds. */
export async function claimSweep(tx: Db, now: Date): Promise<Sweep | undefined> {
  const [sweep] = await tx
    .select()
    .from(sweeps)
    .where(lte(sweeps.dueAt, now))
    .orderBy(asc(sweeps.dueAt), asc(sweeps.type), asc(sweeps.subject))
    .limit(1)
    .for('no key update', { skipLocked: true });
  return sweep;
}

/** Notes how far a sweep that is held has come, and when it goes on; others have their turn before. */
export async function moveSweep(tx: Db, sweep: Sweep, to: { cursor: string | null; dueAt: Date }): Promise<void> {
  await tx.update(sweeps).set(to).where(isSweep(sweep));
}

/** Keeps a sweep that failed from holding up the others. */
export async function postponeSweep(db: Db, sweep: Sweep, now: Date): Promise<void> {
  await db
    .update(sweeps)
    .set({ dueAt: sql`${now.toISOString()}::timestamptz + ${FAILED_PAUSE}::interval` })
    .where(isSweep(sweep));
}

/** Which of these are not through yet. */
export async function unfinished(tx: Db, type: SweepType, subjects: string[]): Promise<string[]> {
  if (subjects.length === 0) return [];
  const rows = await tx
    .select({ subject: sweeps.subject })
    .from(sweeps)
    .where(and(eq(sweeps.type, type), sql`${sweeps.subject} = any(${sql.param(subjects)}::text[])`));
  return rows.map(({ subject }) => subject);
}

const isSweep = ({ type, subject }: Pick<Sweep, 'type' | 'subject'>) =>
  and(eq(sweeps.type, type), eq(sweeps.subject, subject));
