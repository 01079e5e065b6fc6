import { sql, type SQL } from 'drizzle-orm';
import type { Db } from './open.ts';

/** Tells a running broadcast that it was changed. */
export const wakeBroadcast = (tx: Db, id: string): Promise<void> => wake(tx, sql`id = ${id}`);

/** Tells the running broadcasts of a campaign, which is held, that its state has changed. */
export const wakeBroadcastsOf = (tx: Db, campaign: string): Promise<void> => wake(tx, sql`campaign_id = ${campaign}`);

async function wake(tx: Db, which: SQL): Promise<void> {
  await tx.execute(sql`
    insert into commands (workflow_id, command)
    select 'broadcast/' || id, jsonb_build_object('type', 'wake', 'subject', id) from broadcasts
    where ${which} and ended_at is null`);
}
