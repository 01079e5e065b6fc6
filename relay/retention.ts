import { setTimeout as sleep } from 'node:timers/promises';
import type { Db } from '../db/open.ts';
import { purgePeople } from '../db/purge-people.ts';
import { purgeOccurrences } from '../db/purge-occurrences.ts';
import { purgeBroadcasts, purgeJobs, purgeSends } from '../db/purge-requests.ts';
import { claimPurge, movePurge, postponePurge, preparePurges, type Ages, type Purge } from '../db/retention.ts';

/** A pass begins this long after the one before it has ended. */
const PASS_EVERY_MS = 24 * 60 * 60_000;

/** Between two pages, so that others have Postgres most of the time. */
const PAUSE_MS = 100;

/** How old what is kept may be; null: however old. */
export type Retention = { retentionMs: number | null; eventRetentionMs: number | null };

export type RetentionDependencies = Retention & {
  db: Db;
  now: () => Date;
  /** Ends a pause that is under way. */
  signal: AbortSignal;
  pauseMs?: number;
};

/**
 * Deletes what is older than it is kept: once a day everything is gone through, a page in each transaction. How far that has come
 * stands in Postgres: any number of relays may look, they share the pages, and whoever is killed has lost one. Answers 1 while there
 * is more to be gone through.
 */
export function createRetention(dependencies: RetentionDependencies): () => Promise<number> {
  const { db, now, signal, pauseMs = PAUSE_MS } = dependencies;
  const isOff = dependencies.retentionMs === null && dependencies.eventRetentionMs === null;
  let isPrepared = false;
  return async () => {
    if (isOff) return 0;
    if (!isPrepared) await preparePurges(db);
    isPrepared = true;
    const at = now();
    const held: { purge?: Purge } = {};
    try {
      const isDone = await db.transaction(async (tx) => {
        const purge = await claimPurge(tx, at);
        if (!purge) return false;
        held.purge = purge;
        const cursor = await purgePage(tx, purge, agesAt(dependencies, at));
        const dueAt = cursor === null ? new Date(at.getTime() + PASS_EVERY_MS) : purge.dueAt;
        await movePurge(tx, purge.what, { cursor, dueAt });
        return true;
      });
      if (!isDone) return 0;
    } catch (error) {
      if (held.purge) await postponePurge(db, held.purge, at);
      throw error;
    }
    await sleep(pauseMs, undefined, { signal }).catch(() => {});
    return 1;
  };
}

const agesAt = ({ retentionMs, eventRetentionMs }: Retention, at: Date): Ages => ({
  before: retentionMs === null ? null : new Date(at.getTime() - retentionMs),
  eventsBefore: eventRetentionMs === null ? null : new Date(at.getTime() - eventRetentionMs),
});

/** Does the next page, and answers where the one after it begins; null behind the last. */
async function purgePage(tx: Db, { what, cursor }: Purge, ages: Ages): Promise<string | null> {
  if (what === 'people') return purgePeople(tx, cursor, ages);
  return ages.before === null ? null : OF_NOBODY[what](tx, cursor, ages.before);
}

const OF_NOBODY = { broadcasts: purgeBroadcasts, sends: purgeSends, jobs: purgeJobs, occurrences: purgeOccurrences };
