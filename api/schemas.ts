import { z } from 'zod';
import type { Json } from '../domain/json.ts';
import { isStorableMoment } from '../domain/time/storable.ts';

const ID = 'write an id of 1 to 255 characters';

/** A client's own id: any text of 1 to 255 characters, as Unicode counts them. */
export const clientId = z
  .string(ID)
  .regex(/^.{1,255}$/su, ID)
  .meta({ pattern: undefined, minLength: 1, maxLength: 255 });

export const idParams = z.strictObject({ id: clientId });
/** In a path or query. */
export const versionNumber = z
  .string()
  .regex(/^[1-9]\d{0,8}$/, 'write the number of a version, such as 2')
  .meta({ type: 'integer', pattern: undefined, minimum: 1, maximum: 999_999_999 })
  .transform(Number);

/** What Postgres counts in four bytes: versions, revisions. */
export const ordinal = z.int().min(1).max(2_147_483_647);

export const noParams = z.strictObject({});
export const noQuery = z.strictObject({});

/** JSON of an object: attributes, an event's data. */
export const fields: z.ZodType<Record<string, Json>> = z.record(z.string().min(1).max(255), z.json());

const TIME = 'write a time such as 2026-05-01T09:00:00Z (RFC 3339, with an offset)';

/** RFC 3339, with an offset or `Z`. Becomes a moment. */
export const time = z.iso
  .datetime({ offset: true, error: TIME })
  .transform((text) => new Date(text))
  .refine(isStorableMoment, TIME);

const LIMIT = 'write a number from 1 to 200';

/** What every list takes: a page at a time, in the order of ids, of which the cursor is one. */
const pageQueryOf = (cursor: z.ZodType<string, string>) => ({
  limit: z
    .string()
    .regex(/^\d{1,3}$/, LIMIT)
    .meta({ type: 'integer', pattern: undefined, minimum: 1, maximum: 200 })
    .transform(Number)
    .pipe(z.int().min(1, LIMIT).max(200, LIMIT))
    .default(50),
  order: z.enum(['asc', 'desc']).default('asc'),
  cursor: cursor.transform((text) => text || undefined).optional(),
  createdAfter: time.optional(),
  createdBefore: time.optional(),
});

const CURSOR = 'take the nextCursor of the page before, as it is';

/** Of a list whose ids are ours: oldest first. */
export const pageQuery = pageQueryOf(z.string().regex(/^(?:[a-z]{3}_[0-9a-f-]{36})?$/, CURSOR));

/** Of a list whose ids are the client's. */
export const namedPageQuery = pageQueryOf(z.string().max(255, CURSOR));

const CONSIDERED = /^\d{1,13}\.per_[0-9a-f-]{36}\.[^\0]+$/;
const fromBase64 = (text: string) => Buffer.from(text, 'base64url').toString();

/** Of considered entries, which have no ids: the cursor says when, who and why, as base64url, since causes have any characters. */
export const outcomePageQuery = pageQueryOf(
  z
    .string()
    .max(2_000, CURSOR)
    .refine((text) => text === '' || CONSIDERED.test(fromBase64(text)), CURSOR)
    .transform(fromBase64),
);

/** Of a timeline, which has things of several kinds: the cursor says when, of which kind and where in it. */
export const timelinePageQuery = pageQueryOf(
  z.string().regex(/^(?:\d{1,13}\.(?:[01]\.-?\d{1,15}|[234]\.[a-z]{3}_[0-9a-f-]{36}))?$/, CURSOR),
);
