import { sql } from 'drizzle-orm';
import type { ActivityCount } from '../domain/time/most-active-hour.ts';
import type { Db } from './open.ts';

const DAYS = 28;

/** How many events a person did in each quarter of an hour, by the events' own time, of the last 28 days. */
export async function countActivity(db: Db, personKey: string, now: Date): Promise<ActivityCount[]> {
  return (await countActivities(db, [personKey], now)).get(personKey) ?? [];
}

/** The same of many people; those without events are left out. The index `events_performed` holds all that is read. */
export async function countActivities(db: Db, personKeys: string[], now: Date): Promise<Map<string, ActivityCount[]>> {
  const until = sql`${now.toISOString()}::timestamptz`;
  const rows = await db.execute<{ key: string; ms: number; count: number }>(sql`
    select person_key as key, extract(epoch from date_bin('15 min', timestamp, 'epoch'))::float8 * 1000 as ms, count(*)::int as count
    from events
    where person_key = any(${sql.param(personKeys)}::text[]) and timestamp > ${until} - ${DAYS} * interval '1 day' and timestamp <= ${until}
    group by 1, 2`);
  const counts = new Map<string, ActivityCount[]>();
  for (const { key, ms, count } of rows) {
    const own = counts.get(key) ?? [];
    own.push({ at: new Date(ms), count });
    counts.set(key, own);
  }
  return counts;
}
