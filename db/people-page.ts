import { setTimeout as sleep } from 'node:timers/promises';
import { and, asc, gt, sql, type SQL } from 'drizzle-orm';
import type { Db } from './open.ts';
import type { PersonRow } from './people.ts';
import { people } from './schema/people.ts';

const AT_ONCE = 500;

/** Some of the people, who are held, in the order of their keys; `last` is null where nobody comes behind them. */
export type PeoplePage = { held: PersonRow[]; last: string | null };

/**
 * Holds the next people behind a key, of those whom the filter lets through, up to the first one whom somebody else holds: waiting for
 * them, while others wait for the sweep, could go in a circle. Answers `later` where that is the first of all.
 */
export async function holdPage(tx: Db, after: string | null, filter?: SQL): Promise<PeoplePage | 'later'> {
  const page = await tx
    .select({ key: people.key })
    .from(people)
    .where(and(after === null ? undefined : gt(people.key, after), filter))
    .orderBy(asc(people.key))
    .limit(AT_ONCE);
  const free = await tx
    .select()
    .from(people)
    .where(sql`${people.key} = any(${sql.param(page.map(({ key }) => key))}::text[])`)
    .orderBy(asc(people.key))
    .for('no key update', { skipLocked: true });
  const busy = page.findIndex(({ key }, index) => free[index]?.key !== key);
  if (busy === 0) return 'later';
  if (busy > 0) return { held: free.slice(0, busy), last: page[busy - 1]?.key ?? null };
  return { held: free, last: page.length < AT_ONCE ? null : (page.at(-1)?.key ?? null) };
}

const WRITERS_MAY_TAKE_MS = 5_000;

/**
 * Waits for the end of all transactions that are storing people at this moment. Whoever goes through everybody for something new has to:
 * a person who was made by one of them may have been stored without a look at what is new, and is seen only afterwards. Who begins
 * later sees it. Throws when they take too long.
 */
export async function untilWritersEnded(tx: Db): Promise<void> {
  let writers = await listWriters(tx);
  for (let waitedMs = 0; writers.length > 0; waitedMs += 20) {
    if (waitedMs > WRITERS_MAY_TAKE_MS) throw new Error('somebody has been storing people for too long');
    await sleep(20);
    const now = await listWriters(tx);
    writers = writers.filter((writer) => now.includes(writer));
  }
}

async function listWriters(tx: Db): Promise<string[]> {
  const rows = await tx.execute<{ writer: string }>(sql`
    select distinct virtualtransaction as writer from pg_locks
    where locktype = 'relation' and relation = 'people'::regclass and mode = 'RowExclusiveLock' and granted
      and database = (select oid from pg_database where datname = current_database())
      and pid is distinct from pg_backend_pid()`);
  return rows.map(({ writer }) => writer);
}
