import { z } from 'zod';

/** An error as RFC 9457 has it: `code` is stable, `errors` is there where an input was wrong and names every fault. */
export const problemSchema = z
  .strictObject({
    type: z.string(),
    title: z.string().min(1),
    status: z.int(),
    code: z.string(),
    detail: z.string().min(1),
    requestId: z.string(),
    errors: z
      .array(z.strictObject({ path: z.string(), message: z.string().min(1) }))
      .min(1)
      .optional(),
  })
  .meta({ id: 'Problem' });
