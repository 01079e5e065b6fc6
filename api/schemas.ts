import { z } from 'zod';
import type { Json } from '../domain/json.ts';

/** A client's own id: any text of 1 to 255 characters. */
export const clientId = z.string({ error: 'write an id of 1 to 255 characters' }).min(1).max(255);

export const idParams = z.strictObject({ id: clientId });
export const noParams = z.strictObject({});
export const noQuery = z.strictObject({});

/** JSON of an object: attributes, an event's data. */
export const fields: z.ZodType<Record<string, Json>> = z.record(z.string().min(1).max(255), z.json());

/** RFC 3339, with an offset or `Z`. */
export const time = z.iso.datetime({
  offset: true,
  error: 'write a time such as 2026-05-01T09:00:00Z (RFC 3339, with an offset)',
});

const LIMIT = 'write a number from 1 to 200';

/** What every list takes: a page at a time, oldest first. */
export const pageQuery = {
  limit: z
    .string()
    .regex(/^\d{1,3}$/, LIMIT)
    .transform(Number)
    .pipe(z.int().min(1, LIMIT).max(200, LIMIT))
    .default(50),
  order: z.enum(['asc', 'desc']).default('asc'),
  cursor: z.string().max(100).optional(),
  createdAfter: time.transform((text) => new Date(text)).optional(),
  createdBefore: time.transform((text) => new Date(text)).optional(),
};
