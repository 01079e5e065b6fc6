import { and, asc, eq, isNotNull, isNull, lte, sql } from 'drizzle-orm';
import { newId } from './id.ts';
import type { Db } from './open.ts';
import { jobItems, jobs } from './schema/jobs.ts';
import type { Applied, Refusal } from './tasks.ts';

export type JobRow = typeof jobs.$inferSelect;

/** Stores a job with what it has to do. */
export function createJob(
  db: Db,
  { ids, ...job }: Pick<JobRow, 'task' | 'by' | 'matched'> & { ids: string[] },
): Promise<string> {
  const id = newId('job');
  return db.transaction(async (tx) => {
    await tx.insert(jobs).values({ id, ...job });
    await tx.execute(sql`
      insert into job_items (job_id, delivery_id) select ${id}, item from unnest(${sql.param(ids)}::text[]) as item`);
    return id;
  });
}

/** What was refused is in the order of the ids. */
export type JobDetail = JobRow & { refused: Refusal[] };

export async function findJob(db: Db, id: string): Promise<JobDetail | undefined> {
  const [job] = await db.select().from(jobs).where(eq(jobs.id, id));
  if (!job) return undefined;
  const items = await db
    .select({ id: jobItems.deliveryId, code: jobItems.code })
    .from(jobItems)
    .where(and(eq(jobItems.jobId, id), isNotNull(jobItems.code)))
    .orderBy(asc(jobItems.deliveryId));
  return { ...job, refused: items.flatMap(({ id: item, code }) => (code ? [{ id: item, code }] : [])) };
}

/** Holds the oldest job that is not done, and that nobody else holds. */
export async function claimJob(tx: Db): Promise<JobRow | undefined> {
  const [job] = await tx
    .select()
    .from(jobs)
    .where(and(isNull(jobs.endedAt), lte(jobs.dueAt, sql`clock_timestamp()`)))
    .orderBy(asc(jobs.id))
    .limit(1)
    .for('no key update', { skipLocked: true });
  return job;
}

/** The next deliveries of a job that is held, oldest first. */
export async function nextItems(tx: Db, job: string, limit: number): Promise<string[]> {
  const rows = await tx
    .select({ id: jobItems.deliveryId })
    .from(jobItems)
    .where(and(eq(jobItems.jobId, job), isNull(jobItems.code)))
    .orderBy(asc(jobItems.deliveryId))
    .limit(limit);
  return rows.map(({ id }) => id);
}

/** Notes what became of a part of a job, and with the last one that it has ended. */
export async function finishPart(
  tx: Db,
  job: string,
  { done, refused, isLast }: Applied & { isLast: boolean },
): Promise<void> {
  const ids = refused.map(({ id }) => id);
  const codes = refused.map(({ code }) => code);
  await Promise.all([
    tx.execute(sql`delete from job_items where job_id = ${job} and delivery_id = any(${sql.param(done)}::text[])`),
    tx.execute(sql`
      update job_items set code = refused.code
      from unnest(${sql.param(ids)}::text[], ${sql.param(codes)}::text[]) as refused (id, code)
      where job_id = ${job} and delivery_id = refused.id`),
    tx
      .update(jobs)
      .set({ decided: sql`${jobs.decided} + ${done.length}`, ...(isLast && { endedAt: sql`clock_timestamp()` }) })
      .where(eq(jobs.id, job)),
  ]);
}

/** Keeps a job that could not be worked on from holding back the others. */
export async function postponeJob(db: Db, id: string): Promise<void> {
  await db
    .update(jobs)
    .set({ dueAt: sql`clock_timestamp() + interval '5 s'` })
    .where(eq(jobs.id, id));
}
