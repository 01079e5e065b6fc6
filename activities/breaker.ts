import { clearProbe, closeBreaker, countRecent, lockProbed, openBreaker } from '../db/destinations.ts';
import type { Db } from '../db/open.ts';
import { BREAKER_WINDOW_MS, openForMs, opensBreaker } from '../domain/delivery/breaker.ts';
import type { AttemptClass } from '../domain/delivery/outcome.ts';

export type EndedAttempt = { id: string; destination: string; probe: boolean; class: AttemptClass };

/**
 * Tells a destination's breaker, which is open until `openUntil`, what came of an attempt whose row is written, and answers until when
 * it is open then. The one that was let through closes it with any answer and opens it for longer with a failure; of others only
 * failures matter, and only while it is closed. A request that never left says nothing: another may try.
 */
export async function tellBreaker(
  tx: Db,
  attempt: EndedAttempt,
  { openUntil, now }: { openUntil: Date | null; now: Date },
): Promise<Date | null> {
  const failed = attempt.class === 'retryable';
  if (attempt.class === 'blocked') await (attempt.probe && clearProbe(tx, attempt.destination, attempt.id));
  else if (attempt.probe) return settleProbe(tx, attempt, { failed, openUntil, now });
  else if (failed && openUntil === null) return judge(tx, attempt.destination, now);
  return openUntil;
}

async function settleProbe(
  tx: Db,
  { id, destination }: EndedAttempt,
  { failed, openUntil, now }: { failed: boolean; openUntil: Date | null; now: Date },
): Promise<Date | null> {
  const probed = await lockProbed(tx, destination, id);
  if (!probed) return openUntil;
  if (failed) return open(tx, destination, probed.openings, now);
  await closeBreaker(tx, destination, now);
  return null;
}

async function judge(tx: Db, destination: string, now: Date): Promise<Date | null> {
  const recent = await countRecent(tx, destination, new Date(now.getTime() - BREAKER_WINDOW_MS));
  return opensBreaker(recent) ? open(tx, destination, 0, now, recent.closedAt) : null;
}

/** Null where somebody else opened it or closed it meanwhile: who asks again sees how long. */
async function open(
  tx: Db,
  destination: string,
  openingsBefore: number,
  now: Date,
  closedAt?: string | null,
): Promise<Date | null> {
  const until = new Date(now.getTime() + openForMs(openingsBefore));
  return (await openBreaker(tx, destination, { until, openings: openingsBefore + 1, closedAt })) ? until : null;
}
