import type { Facts } from '../condition/evaluate-condition.ts';
import type { Condition } from '../condition/condition.ts';
import type { Json } from '../json.ts';
import { belongs, compileSegment, inOrder } from './compiled-segment.ts';

export type Membership = {
  /** As they are at `updatedAt`. */
  person: { id: string; attributes: Record<string, Json>; updatedAt: Date };
  segments: { id: string; condition: Condition }[];
  /** Those that are in doubt, by id. */
  asked: string[];
};

/** To which of the segments that are in doubt somebody does not belong by their conditions, whatever the facts say of these. */
export async function unfitSegments({ person, segments, asked }: Membership, facts: Facts): Promise<string[]> {
  const unfit = new Set<string>();
  const known: Facts = { ...facts, inSegment: async (id) => !unfit.has(id) && facts.inSegment(id) };
  for (const segment of inOrder(segments.map(({ id, condition }) => ({ id, ...compileSegment(condition) })))) {
    if (!asked.includes(segment.id)) continue;
    if (!(await belongs(segment, person, person.updatedAt, known))) unfit.add(segment.id);
  }
  return [...unfit];
}
