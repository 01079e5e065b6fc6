import { segmentPlaces } from '../segment/segment-faults.ts';
import { isRecord } from '../json.ts';
import { placesOf } from './places.ts';
import { conditionsIn } from './references.ts';

/** Where a campaign names a segment, valid or not: its trigger, its conditions, those of its steps. */
export function segmentNames(campaign: Record<string, unknown>): { path: string; segment: string }[] {
  const { trigger, steps } = campaign;
  const own =
    isRecord(trigger) && trigger['type'] === 'segment' && typeof trigger['segment'] === 'string'
      ? [{ path: 'trigger.segment', segment: trigger['segment'] }]
      : [];
  const conditions = conditionsIn(campaign, placesOf(steps));
  return [...own, ...conditions.flatMap(({ at, condition }) => segmentPlaces(condition, at))];
}
