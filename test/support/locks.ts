import { sql } from 'drizzle-orm';
import type { Db } from '../../db/open.ts';
import { eventually } from './eventually.ts';

/** Begins a transaction, does `work` in it, and holds what that locked until the answered function rolls it back. */
export async function holdTransaction(db: Db, work: (tx: Db) => Promise<unknown>): Promise<() => Promise<void>> {
  let release = () => {};
  let held = () => {};
  const holding = new Promise<void>((resolve) => (held = resolve));
  const rolledBack = db
    .transaction(async (tx) => {
      await work(tx);
      const released = new Promise<void>((resolve) => (release = resolve));
      held();
      await released;
      throw new RolledBack();
    })
    .catch((error: unknown) => {
      if (!(error instanceof RolledBack)) throw error;
    });
  await Promise.race([holding, rolledBack]);
  return () => {
    release();
    return rolledBack;
  };
}

class RolledBack extends Error {}

/** Resolves once this many connections of an application (`hookline worker`) wait for a row that somebody else holds. */
export async function untilBlocked(db: Db, application: string, connections = 1): Promise<void> {
  await eventually(async () => {
    const [row] = await db.execute<{ blocked: number }>(sql`
      select count(*)::int as blocked from pg_stat_activity
      where datname = current_database() and application_name = ${application} and wait_event_type = 'Lock'`);
    return row !== undefined && row.blocked >= connections;
  });
}
