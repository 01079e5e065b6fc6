import { namesIn, type Named } from '../condition/named.ts';
import { parsePath } from '../condition/path.ts';
import type { InputFault } from '../errors.ts';
import { placeOf } from '../input/faults.ts';
import { nearest } from '../input/nearest.ts';

/** A segment by what its definition says. */
export type Definition = { id: string; condition: unknown };

/** The fault of a segment that is named and not known. */
export function unknownSegment(path: string, segment: string, known: readonly string[]): InputFault[] {
  if (known.includes(segment)) return [];
  const near = nearest(segment, known);
  const next = near === undefined ? `PUT /v1/segments/${segment} stores one` : `did you mean "${near}"?`;
  return [{ path, message: `no segment has the id "${segment}"; ${next}` }];
}

/** Faults of what a segment's condition names: nothing but the person, the past, the clock, and other segments that do not lead back to it. */
export function nameFaults({ id, condition }: Definition, others: Definition[]): InputFault[] {
  const known = others.filter((other) => other.id !== id);
  return namesIn(condition, ['condition']).flatMap(({ at, what, name, inEvent }): InputFault[] => {
    const path = placeOf(at);
    switch (what) {
      case 'path':
        return rootFault(path, name, inEvent);
      case 'segment': {
        const circle = wayTo(id, name, known);
        if (circle) return [{ path, message: `leads in a circle: ${[id, ...circle].join(' → ')}` }];
        return unknownSegment(
          path,
          name,
          known.map((other) => other.id),
        );
      }
      case 'campaign':
      case 'event':
        return [];
    }
  });
}

function rootFault(path: string, name: string, inEvent: boolean): InputFault[] {
  const [root = ''] = parsePath(name);
  if (root === 'customer' || (inEvent && root === 'event')) return [];
  const instead = root === 'event' ? 'performed: { event: … }' : 'customer.…';
  return [{ path, message: `a segment is asked of a person at any time and knows no ${root}; write ${instead}` }];
}

/** The segments on the way from one to another, both included; undefined if there is none. */
function wayTo(goal: string, from: string, known: Definition[], seen = new Set<string>()): string[] | undefined {
  if (from === goal) return [goal];
  if (seen.has(from)) return undefined;
  seen.add(from);
  const condition = known.find(({ id }) => id === from)?.condition;
  for (const { what, name } of namesIn(condition)) {
    const way = what === 'segment' ? wayTo(goal, name, known, seen) : undefined;
    if (way) return [from, ...way];
  }
  return undefined;
}

/** Where a condition names a segment, as users read it. */
export const segmentPlaces = (condition: unknown, prefix: string): { path: string; segment: string }[] =>
  namesIn(condition)
    .filter(({ what }: Named) => what === 'segment')
    .map(({ at, name }) => ({ path: placeOf(at, prefix), segment: name }));
