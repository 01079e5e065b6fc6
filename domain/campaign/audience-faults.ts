import type { Condition } from '../condition/condition.ts';
import { namesIn } from '../condition/named.ts';
import { parsePath } from '../condition/path.ts';
import type { InputFault } from '../errors.ts';
import { placeOf } from '../input/faults.ts';

/**
 * What is wrong with an audience beyond its form: there is no event and no answer yet where people are selected, and what it names as a
 * segment has to be one.
 */
export function audienceFaults(audience: Condition, unknownSegments: Set<string>): InputFault[] {
  return namesIn(audience, ['audience']).flatMap(({ at, what, name, inEvent }) => {
    const path = placeOf(at);
    if (what === 'segment') {
      const message = `no segment has the id "${name}"; PUT /v1/segments/${name} makes one`;
      return unknownSegments.has(name) ? [{ path, message }] : [];
    }
    const [root] = what === 'path' ? parsePath(name) : ['customer'];
    if (root === 'customer' || root === 'trigger' || (inEvent && root === 'event')) return [];
    return [{ path, message: `${root}.… is always missing here; an audience reads customer.… and trigger.…` }];
  });
}

/** The segments that an audience names, at any depth. */
export const audienceSegments = (audience: Condition): string[] =>
  namesIn(audience).flatMap(({ what, name }) => (what === 'segment' ? [name] : []));
