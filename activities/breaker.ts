import { clearProbe, closeBreaker, countRecent, lockProbed, openBreaker } from '../db/destinations.ts';
import type { Db } from '../db/open.ts';
import { BREAKER_WINDOW_MS, openForMs, opensBreaker } from '../domain/delivery/breaker.ts';
import type { AttemptClass } from '../domain/delivery/outcome.ts';

export type EndedAttempt = { id: string; destination: string; probe: boolean; class: AttemptClass };

/**
 * Tells a destination's breaker what came of an attempt whose row is written. The one that was let through closes it with any answer
 * and opens it for longer with a failure; of others only failures matter. A request that never left says nothing: another may try.
 */
export async function tellBreaker(tx: Db, attempt: EndedAttempt, now: Date): Promise<void> {
  const failed = attempt.class === 'retryable';
  if (attempt.class === 'blocked') await (attempt.probe && clearProbe(tx, attempt.destination, attempt.id));
  else if (attempt.probe) await settleProbe(tx, attempt, failed, now);
  else if (failed) await judge(tx, attempt.destination, now);
}

async function settleProbe(tx: Db, { id, destination }: EndedAttempt, failed: boolean, now: Date): Promise<void> {
  const probed = await lockProbed(tx, destination, id);
  if (!probed) return;
  if (failed) await open(tx, destination, probed.openings, now);
  else await closeBreaker(tx, destination, now);
}

async function judge(tx: Db, destination: string, now: Date): Promise<void> {
  const recent = await countRecent(tx, destination, new Date(now.getTime() - BREAKER_WINDOW_MS));
  if (opensBreaker(recent)) await open(tx, destination, 0, now, recent.closedAt);
}

const open = (tx: Db, destination: string, openingsBefore: number, now: Date, closedAt?: string | null) =>
  openBreaker(tx, destination, {
    until: new Date(now.getTime() + openForMs(openingsBefore)),
    openings: openingsBefore + 1,
    closedAt,
  });
