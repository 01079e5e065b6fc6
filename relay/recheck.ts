import { compileSegment } from '../domain/segment/compiled-segment.ts';
import { leaveRechecks } from '../db/leave-items.ts';
import { listDiffering, listTimedWaiters, stretchBehind } from '../db/members.ts';
import { findDefinition } from '../db/segments.ts';
import { unfinished, type Sweep } from '../db/sweeps.ts';
import { segmentPredicate } from './fill-segment.ts';
import type { Progress, SweepContext } from './sweep.ts';

/**
 * Nominates people whom time has brought into a segment, or out of it; the relay judges them in turn. One query looks through some 10,000
 * people, and nothing is written but for those who differ. A segment that is being filled is left alone.
 */
export async function recheckSegment({ tx, now }: SweepContext, { subject: id, cursor }: Sweep): Promise<Progress> {
  const definition = await findDefinition(tx, id);
  if (!definition || (await unfinished(tx, 'fillSegment', [id])).length > 0) return { last: null };
  const upTo = await stretchBehind(tx, cursor);
  const predicate = await segmentPredicate(tx, compileSegment(definition.condition), now);
  const { keys, last } = await listDiffering(tx, { segment: id, predicate, after: cursor, upTo });
  await leaveRechecks(tx, keys);
  return { last };
}

/** Nominates people whose journeys wait for a condition that time may fulfil. */
export async function recheckWaits({ tx }: SweepContext, { cursor }: Sweep): Promise<Progress> {
  const { keys, last } = await listTimedWaiters(tx, cursor);
  await leaveRechecks(tx, keys);
  return { last };
}
