import { setTimeout as pause } from 'node:timers/promises';
import { claimStarts } from '../db/commands.ts';
import type { AwayLog } from './away-log.ts';
import { carryClaimed, LEASE_MS, type CarryDependencies } from './carry.ts';
import { startLoop, type Loop } from './loop.ts';

/** Temporal answers one start sooner than another: in small groups, as many as it takes are always under way. */
const GROUPS_AT_ONCE = 6;
const STARTS_IN_GROUP = 16;
/** Until starts are free again. */
const PACE_MS = 50;

export type StartOptions = CarryDependencies & {
  /** How many may begin in a second, over all relays. */
  perSecond: number;
  pollMs: number;
  away: AwayLog;
};

/**
 * Carries the oldest starts of broadcasts' journeys to Temporal, as many as may begin: in a loop of its own, so that who is many holds
 * nobody back. After groups that failed it pauses once.
 */
export function startStarts({ perSecond, pollMs, away, ...dependencies }: StartOptions): Loop {
  const underWay = new Set<Promise<void>>();
  let hasFailed = false;
  const begin = (group: Promise<number>) => {
    const ended = group
      .then(away.isBack, (error: unknown) => {
        away.onError(error);
        hasFailed = true;
      })
      .finally(() => underWay.delete(ended));
    underWay.add(ended);
  };

  const loop = startLoop({
    pollMs,
    look: async () => {
      if (hasFailed) {
        hasFailed = false;
        await pause(pollMs);
      }
      const claimed = await claimStarts(dependencies.db, { limit: STARTS_IN_GROUP, leaseMs: LEASE_MS, perSecond });
      if (claimed === 'later') {
        await pause(PACE_MS);
        return 1;
      }
      if (claimed.length === 0) return 0;
      begin(carryClaimed(dependencies, claimed));
      if (underWay.size === GROUPS_AT_ONCE) await Promise.race(underWay);
      return claimed.length;
    },
    onError: away.onError,
  });
  return {
    wake: loop.wake,
    async stop() {
      await loop.stop();
      await Promise.all(underWay);
    },
  };
}
