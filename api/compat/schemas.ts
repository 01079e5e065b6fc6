import { z } from 'zod';
import { isStorableMoment } from '../../domain/time/storable.ts';
import { clientId } from '../schemas.ts';

/** An id that may be a number: what other APIs take for one. */
export const anyId = (error?: string) => z.union([clientId, z.int()], error).transform(String);

const SECONDS = 'write seconds since 1970, such as 1767225600';

/** A moment in seconds since 1970, which may have a fraction, and be a text. */
export const unixTime = z
  .union([z.number(), z.string().regex(/^\d{1,12}(?:\.\d{1,9})?$/, SECONDS)], SECONDS)
  .transform((seconds) => new Date(Number(seconds) * 1000))
  .refine(isStorableMoment, SECONDS);
