import type { CompiledCampaign } from '../domain/campaign/compiled-campaign.ts';
import { findCurrentVersion } from '../db/campaigns.ts';
import type { Db } from '../db/open.ts';
import { untilWritersEnded } from '../db/people-page.ts';
import { claimSweep, endSweep, keepSweep, moveSweep, postponeSweep, type Sweep } from '../db/sweeps.ts';
import type { VersionCache } from '../db/version-cache.ts';
import { fillDates } from './fill-dates.ts';
import { fillSegment } from './fill-segment.ts';
import { recheckSegment, recheckWaits } from './recheck.ts';

const MINUTE_MS = 60_000;
/** Until what a sweep needs may have been done by another. */
const PAUSE_MS = 200;

/** Where a sweep goes on: behind a person, null for the end; or later, where it has still to wait for another. */
export type Progress = { last: string | null } | 'later';

type Dependencies = {
  db: Db;
  campaigns: VersionCache<CompiledCampaign>;
  now: () => Date;
  onFailed: (sweep: Sweep, error: unknown) => void;
};

/**
 * Takes sweeps through people, a page of one at a time. What a page does and how far the sweep has come are one transaction, so that
 * nobody is left out or told twice, whoever dies meanwhile, and each sweep is in one relay at a time. Answers 0 where none is due.
 */
export function createSweeper({ db, campaigns, now, onFailed }: Dependencies): () => Promise<number> {
  let isKept = false;
  return async () => {
    if (!isKept) await keepSweep(db, 'recheckWaits', '');
    isKept = true;
    const at = now();
    const held: { sweep?: Sweep } = {};
    try {
      return await db.transaction(async (tx) => {
        const sweep = await claimSweep(tx, at);
        if (!sweep) return 0;
        held.sweep = sweep;
        await advance(tx, sweep, { progress: await sweepPage({ tx, campaigns, now: at }, sweep), now: at });
        return 1;
      });
    } catch (error) {
      if (!held.sweep) throw error;
      await postponeSweep(db, held.sweep, at);
      onFailed(held.sweep, error);
      return 1;
    }
  };
}

export type SweepContext = { tx: Db; campaigns: VersionCache<CompiledCampaign>; now: Date };

async function sweepPage(context: SweepContext, sweep: Sweep): Promise<Progress> {
  switch (sweep.type) {
    case 'fillSegment':
      return fillSegment(context, sweep);
    case 'fillDates': {
      if (sweep.cursor === null) await untilWritersEnded(context.tx);
      const version = await findCurrentVersion(context.tx, sweep.subject);
      return version === undefined ? { last: null } : fillDates(context, sweep, version);
    }
    case 'recheckSegment':
      return recheckSegment(context, sweep);
    case 'recheckWaits':
      return recheckWaits(context, sweep);
  }
}

/** What fills is gone at its end; what looks again does so with the next minute. */
async function advance(tx: Db, sweep: Sweep, { progress, now }: { progress: Progress; now: Date }): Promise<void> {
  if (progress === 'later')
    return moveSweep(tx, sweep, { cursor: sweep.cursor, dueAt: new Date(now.getTime() + PAUSE_MS) });
  if (progress.last !== null) return moveSweep(tx, sweep, { cursor: progress.last, dueAt: now });
  switch (sweep.type) {
    case 'fillSegment':
    case 'fillDates':
      return endSweep(tx, sweep.type, sweep.subject);
    case 'recheckSegment':
    case 'recheckWaits': {
      const minute = Math.floor(now.getTime() / MINUTE_MS) + 1;
      return moveSweep(tx, sweep, { cursor: null, dueAt: new Date(minute * MINUTE_MS) });
    }
  }
}
