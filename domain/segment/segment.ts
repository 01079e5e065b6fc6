import { z } from 'zod';
import { conditionSchema } from '../condition/condition.ts';
import { HooklineError } from '../errors.ts';
import { inspect, placeOf, summary } from '../input/faults.ts';
import { idSchema } from '../input/id.ts';
import { without } from '../input/without.ts';
import { nameFaults, type Definition } from './segment-faults.ts';

/** A named condition. Its id may be left out where a path has it. */
export const segmentSchema = z
  .strictObject({
    id: idSchema('gold').optional(),
    name: z.string().min(1).max(255).optional(),
    condition: conditionSchema,
  })
  .meta({ id: 'SegmentDefinition' });
export type Segment = Omit<z.infer<typeof segmentSchema>, 'id'>;

/**
 * Validates the definition of a segment, under the id in its path and beside all that there are. Throws `segments.invalid` with every
 * fault in one pass: a segment that is unknown, or that leads back to this one, included.
 */
export function validateSegment(input: unknown, id: string, known: Definition[]): Segment {
  const result = inspect(segmentSchema, input);
  const misfits = result.success ? [] : result.faults;
  const rest = without(input, misfits);
  const given = { id, condition: undefined, ...(typeof rest === 'object' && rest) };
  const errors = [
    ...misfits.map(({ at, message }) => ({ path: placeOf(at), message })),
    ...(given.id === id
      ? []
      : [{ path: 'id', message: `"${given.id}" is not the id in the path, "${id}"; leave it out or make them equal` }]),
    ...nameFaults({ id, condition: given.condition }, known),
  ];
  if (!result.success || errors.length > 0)
    throw new HooklineError('segments.invalid', summary('the segment', errors), { errors });
  const { name, condition } = result.data;
  return { ...(name !== undefined && { name }), condition };
}
