import { sql } from 'drizzle-orm';
import type { ActivityCount } from '../domain/time/most-active-hour.ts';
import type { Db } from './open.ts';

const DAYS = 28;

/** How many events a person did in each quarter of an hour, by the events' own time, of the last 28 days. */
export async function countActivity(db: Db, personKey: string, now: Date): Promise<ActivityCount[]> {
  const until = sql`${now.toISOString()}::timestamptz`;
  const rows = await db.execute<{ ms: number; count: number }>(sql`
    select extract(epoch from date_bin('15 min', timestamp, 'epoch'))::float8 * 1000 as ms, count(*)::int as count
    from events
    where person_key = ${personKey} and timestamp > ${until} - ${DAYS} * interval '1 day' and timestamp <= ${until}
    group by 1`);
  return rows.map(({ ms, count }) => ({ at: new Date(ms), count }));
}
