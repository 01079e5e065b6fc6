import { sql, type SQL } from 'drizzle-orm';
import type { Db } from './open.ts';
import { idBehind } from './page.ts';
import { iso, ROWS_AT_ONCE } from './retention.ts';

/** Each may have refused 10,000 items, which go with it. */
const JOBS_AT_ONCE = 5;

/** Deletes broadcasts that ended long ago and of which nothing is left: no journey, no outcome, nobody who has still to enter. */
export const purgeBroadcasts = (tx: Db, cursor: string | null, before: Date): Promise<string | null> =>
  purgePage(
    tx,
    { ids: sql`broadcasts`, cursor, behind: idBehind('brd', before) },
    (ids) => sql`
      delete from broadcasts b
      where id = ${ids} and ended_at < ${iso(before)}
        and not exists (select from journeys where broadcast_id = b.id)
        and not exists (select from due_entries where broadcast_id = b.id)
        and not exists (select from outcomes where broadcast_id = b.id)
        and not exists (select from inbox where type = 'trigger' and subject = b.id)`,
  );

/** Deletes requests to send a stored webhook, of which no delivery is left. */
export const purgeSends = (tx: Db, cursor: string | null, before: Date): Promise<string | null> =>
  purgePage(
    tx,
    { ids: sql`sends`, cursor, behind: idBehind('snd', before) },
    (ids) => sql`
      delete from sends s
      where id = ${ids} and created_at < ${iso(before)} and not exists (select from deliveries where send_id = s.id)`,
  );

/** Deletes jobs that ended long ago, with what they refused. */
export const purgeJobs = (tx: Db, cursor: string | null, before: Date): Promise<string | null> =>
  purgePage(
    tx,
    { ids: sql`jobs`, cursor, behind: idBehind('job', before), limit: JOBS_AT_ONCE },
    (ids) => sql`delete from jobs where id = ${ids} and ended_at < ${iso(before)}`,
  );

async function purgePage(
  tx: Db,
  { ids, cursor, behind, limit = ROWS_AT_ONCE }: { ids: SQL; cursor: string | null; behind: string; limit?: number },
  deleteOf: (list: SQL) => SQL,
): Promise<string | null> {
  const rows = await tx.execute<{ id: string }>(sql`
    select id from ${ids} where id > ${cursor ?? ''} and id < ${behind} order by id limit ${limit}`);
  const list = rows.map(({ id }) => id);
  if (list.length > 0) await tx.execute(deleteOf(sql`any(${sql.param(list)}::text[])`));
  return list.length === limit ? (list.at(-1) ?? null) : null;
}
