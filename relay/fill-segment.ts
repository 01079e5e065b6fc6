import { predicateOf, type Predicate } from '../domain/condition/predicate.ts';
import { compileSegment, SEGMENT_ZONE, type CompiledSegment } from '../domain/segment/compiled-segment.ts';
import { readsPersonZone } from '../domain/condition/needs.ts';
import { fillMembers, listChanging, listSegmentStates } from '../db/members.ts';
import type { Db } from '../db/open.ts';
import { holdPage, untilWritersEnded } from '../db/people-page.ts';
import { findDefinition } from '../db/segments.ts';
import { unfinished, type Sweep } from '../db/sweeps.ts';
import { listZones } from '../db/zones.ts';
import { settle } from './segments.ts';
import type { Progress, SweepContext } from './sweep.ts';

/**
 * Brings the next people into a segment, or out of it, by its definition of now. Right for whoever changes meanwhile: a change that was
 * stored before the page held the person is seen by it, or, while a new segment is filled silently, is waiting and judged for itself;
 * one that comes after it finds the definition, as its relay holds the person when it reads that. A person who is made meanwhile comes
 * with an item numbered 1, by which all segments are judged; one who was being made before, without one, is waited for. A segment that
 * asks for others comes after them.
 */
export async function fillSegment(
  { tx, now }: SweepContext,
  { subject: id, cursor, silent }: Sweep,
): Promise<Progress> {
  const definition = await findDefinition(tx, id);
  if (!definition) return { last: null };
  const segment = { id, ...compileSegment(definition.condition) };
  if ((await unfinished(tx, 'fillSegment', [...segment.segments])).length > 0) return 'later';
  if (cursor === null) await untilWritersEnded(tx);
  const page = await holdPage(tx, cursor);
  if (page === 'later') return page;
  const { held, last } = page;
  if (silent) {
    for (const { person, number } of await listChanging(tx, held)) {
      const states = await listSegmentStates(tx, person.key);
      const members = new Set(states.flatMap(({ id: other, isMember }) => (isMember ? [other] : [])));
      await settle({ tx, now }, { segments: [segment], members, person, number });
    }
  }
  const predicate = await segmentPredicate(tx, segment, now);
  await fillMembers(tx, { segment: id, predicate, keys: held.map(({ key }) => key), silent });
  return { last };
}

/** What a segment asks of each person at a moment. */
export async function segmentPredicate(tx: Db, { condition, rule }: CompiledSegment, now: Date): Promise<Predicate> {
  const zones = readsPersonZone(rule) ? await listZones(tx) : [];
  return predicateOf(condition, { now, timezone: SEGMENT_ZONE, zones });
}
