import { isPath, type Condition } from '../condition/condition.ts';
import { parsePath } from '../condition/path.ts';
import type { InputFault } from '../errors.ts';
import { placeOf } from '../input/faults.ts';

type Place = { at: PropertyKey[] } & ({ path: string[] } | { segment: string });

/**
 * What is wrong with an audience beyond its form: there is no event and no answer yet where people are selected, and what it names as a
 * segment has to be one.
 */
export function audienceFaults(audience: Condition, unknownSegments: Set<string>): InputFault[] {
  return placesIn(audience, ['audience']).flatMap((place) => {
    const path = placeOf(place.at);
    if ('segment' in place) {
      const message = `no segment has the id "${place.segment}"; PUT /v1/segments/${place.segment} makes one`;
      return unknownSegments.has(place.segment) ? [{ path, message }] : [];
    }
    const [root] = place.path;
    if (root === 'customer' || root === 'trigger') return [];
    return [{ path, message: `${root}.… is always missing here; an audience reads customer.… and trigger.…` }];
  });
}

/** The segments that an audience names, at any depth. */
export const audienceSegments = (audience: Condition): string[] =>
  placesIn(audience, []).flatMap((place) => ('segment' in place ? [place.segment] : []));

function placesIn(condition: Condition, at: PropertyKey[]): Place[] {
  const { and = [], or = [], not, segment, performed } = condition;
  const paths = Object.keys(condition).filter(isPath);
  return [
    ...paths.map((key) => ({ at: [...at, key], path: parsePath(key) })),
    ...and.flatMap((one, index) => placesIn(one, [...at, 'and', index])),
    ...or.flatMap((one, index) => placesIn(one, [...at, 'or', index])),
    ...(not ? placesIn(not, [...at, 'not']) : []),
    ...(segment === undefined ? [] : [{ at: [...at, 'segment'], segment }]),
    ...(performed?.where ? placesIn(performed.where, [...at, 'performed', 'where']).filter(isOfNoEvent) : []),
  ];
}

/** In the `where` of a `performed`, `event` is the one that is counted. */
const isOfNoEvent = (place: Place) => !('path' in place) || place.path[0] !== 'event';
