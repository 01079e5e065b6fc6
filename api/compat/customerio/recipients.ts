import { z } from 'zod';
import { conditionSchema, type Condition } from '../../../domain/condition/condition.ts';
import { parseInput } from '../../../domain/input/faults.ts';
import { anyId } from '../schemas.ts';

const attribute = z.strictObject({
  field: z
    .string()
    .min(1)
    .max(255)
    .regex(/^(?:[^']*|[^"]*)$/u),
  operator: z.enum(['eq', 'exists']),
  value: z.union([z.string(), z.number(), z.boolean()]).optional(),
});
const compared = attribute.refine(({ operator, value }) => operator === 'exists' || value !== undefined, {
  path: ['value'],
  error: 'is missing',
});

export type Recipients =
  | { and: Recipients[] }
  | { or: Recipients[] }
  | { not: Recipients }
  | { segment: { id: string } }
  | { attribute: z.infer<typeof attribute> };

/** Customer.io's filter of people. */
export const recipients: z.ZodType<Recipients> = z
  .lazy(() =>
    z.union(
      [
        z.strictObject({ and: z.array(recipients).min(1) }),
        z.strictObject({ or: z.array(recipients).min(1) }),
        z.strictObject({ not: recipients }),
        z.strictObject({ segment: z.strictObject({ id: anyId() }) }),
        z.strictObject({ attribute: compared }),
      ],
      'write and, or, not, segment or attribute',
    ),
  )
  .meta({ id: 'CustomerioRecipients' });

/** The audience that emails or a filter mean. */
export function audienceOf(given: { emails?: string[] | undefined; recipients?: Recipients | undefined }): Condition {
  const { emails = [], recipients: filter } = given;
  const audience = filter ? conditionOf(filter) : { 'customer.email': { in: emails } };
  return parseInput(conditionSchema, audience, { prefix: 'recipients' });
}

function conditionOf(filter: Recipients): Condition {
  if ('and' in filter) return { and: filter.and.map(conditionOf) };
  if ('or' in filter) return { or: filter.or.map(conditionOf) };
  if ('not' in filter) return { not: conditionOf(filter.not) };
  if ('segment' in filter) return { segment: filter.segment.id };
  const { field, operator, value } = filter.attribute;
  const path = `customer[${field.includes("'") ? `"${field}"` : `'${field}'`}]`;
  return { [path]: operator === 'exists' ? { exists: true } : { eq: value ?? null } };
}
