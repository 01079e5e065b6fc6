import { claimJob, finishPart, nextItems, postponeJob } from '../db/jobs.ts';
import type { Db } from '../db/open.ts';
import { applyTask } from '../db/tasks.ts';

const ITEMS_AT_ONCE = 200;

type Options = { now: () => Date; onFailed: (job: string, error: unknown) => void };

/**
 * Works off a part of the oldest job: what is done and that it is done are one transaction, so nothing is done twice or forgotten,
 * whoever dies meanwhile. Answers 0 where no job waits.
 */
export async function workOffJob(db: Db, { now, onFailed }: Options): Promise<number> {
  const held: { job?: string } = {};
  try {
    return await db.transaction(async (tx) => {
      const job = await claimJob(tx);
      if (!job) return 0;
      held.job = job.id;
      const ids = await nextItems(tx, job.id, ITEMS_AT_ONCE);
      const applied = await applyTask(tx, job.task, ids, { by: job.by, now: now() });
      await finishPart(tx, job.id, { ...applied, isLast: ids.length < ITEMS_AT_ONCE });
      return 1;
    });
  } catch (error) {
    if (held.job === undefined) throw error;
    await postponeJob(db, held.job);
    onFailed(held.job, error);
    return 1;
  }
}
