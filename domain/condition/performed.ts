import { z } from 'zod';
import { addOffset, offsetFault, parseOffset } from '../input/duration.ts';
import { idSchema } from '../input/id.ts';

/** A span back from now; unlike a duration it may have calendar units. */
const withinSchema = z
  .string({ error: 'write a span such as 30d (units s m h d w mo y)' })
  .superRefine((text, ctx) => {
    const message = withinFault(text);
    if (message) ctx.addIssue(message);
  })
  .meta({ pattern: '^(\\d+(mo|[smhdwy]))+$', examples: ['30d'] });

const times = z.int().min(0).max(1_000_000_000).optional();

/** How often something must have happened: `{ gte: 3 }`; all operators have to hold. */
const countSchema = z
  .strictObject(
    { eq: times, ne: times, gt: times, gte: times, lt: times, lte: times },
    { error: ({ code }) => (code === 'invalid_type' ? 'write operators, such as { gte: 3 }' : undefined) },
  )
  .refine((given) => Object.keys(given).length > 0, {
    error: 'write at least one operator, such as { gte: 3 }',
    when: ({ issues }) => issues.length === 0,
  });
export type Count = z.infer<typeof countSchema>;

/** `{ event, where?, within?, count? }`: the person did it so often, at least once where nothing else is said. */
export const performedSchema = <T extends z.ZodType>(where: T) =>
  z.strictObject({
    event: z.string().min(1).max(255),
    where: where.optional(),
    within: withinSchema.optional(),
    count: countSchema.optional(),
  });

/** `{ campaign, within?, count? }`: the person reached that campaign's goal so often. */
export const convertedSchema = z.strictObject({
  campaign: idSchema('win-back'),
  within: withinSchema.optional(),
  count: countSchema.optional(),
});

/** What a `performed` or `converted` without a `count` asks for. */
export const AT_LEAST_ONCE: Count = { gte: 1 };

export function countHolds({ eq, ne, gt, gte, lt, lte }: Count, count: number): boolean {
  return (
    (eq === undefined || count === eq) &&
    (ne === undefined || count !== ne) &&
    (gt === undefined || count > gt) &&
    (gte === undefined || count >= gte) &&
    (lt === undefined || count < lt) &&
    (lte === undefined || count <= lte)
  );
}

/** The first moment that counts for `within`; null: everything does. */
export const sinceOf = (within: string | null, now: Date): Date | null =>
  within === null ? null : addOffset(now, parseOffset(`-${within}`));

function withinFault(text: string): string | undefined {
  if (/^[+-]/.test(text)) return 'counts back from now by itself; write it without a sign, such as 30d';
  const fault = offsetFault(text);
  if (fault) return fault.replace('an offset such as -7d or 1mo', 'a span such as 30d or 1mo');
  return /[1-9]/.test(text) ? undefined : 'must be longer than nothing, such as 1d';
}
