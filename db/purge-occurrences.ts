import { sql } from 'drizzle-orm';
import type { Db } from './open.ts';
import { iso, ROWS_AT_ONCE } from './retention.ts';

/**
 * Deletes when schedules went off, or should have, campaign by campaign. The last one in each zone stays, however old: what comes next is
 * computed from it, so that nothing goes off twice. Stays at a campaign while more of it is left.
 */
export async function purgeOccurrences(tx: Db, cursor: string | null, before: Date): Promise<string | null> {
  const [next] = await tx.execute<{ id: string }>(sql`
    select campaign_id as id from occurrences where campaign_id > ${cursor ?? ''} order by campaign_id limit 1`);
  if (!next) return null;
  const gone = await tx.execute(sql`
    delete from occurrences where ctid = any(array(
      select ctid from occurrences as o
      where campaign_id = ${next.id} and state <> 'due' and due_at < ${iso(before)}
        and exists (
          select from occurrences as later
          where later.campaign_id = o.campaign_id and later.zone = o.zone and later.state <> 'due'
            and (later.due_at, later.local_time) > (o.due_at, o.local_time))
      limit ${ROWS_AT_ONCE}))
    returning 1`);
  return gone.length === ROWS_AT_ONCE ? (cursor ?? '') : next.id;
}
