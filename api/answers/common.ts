import { z } from 'zod';
import type { Json } from '../../domain/json.ts';

/** A moment, which JSON shows as RFC 3339 in UTC. */
export const moment = z.date();

/** A moment that is stored within JSON. */
export const momentText = z.iso.datetime();

const json: z.ZodType<Json> = z.json();

export const jsonObject = z.record(z.string(), json);

export const count = z.int().min(0);

/** What a list answers; without a cursor it was the last page. */
export const page = <T extends z.ZodType>(item: T) =>
  z.strictObject({ data: z.array(item), nextCursor: z.string().nullable() });

/** Why something failed. */
export const shownError = z.strictObject({ code: z.string(), message: z.string() }).meta({ id: 'Failure' });

/** Who did something: the name of the API key, and what was sent as `X-Hookline-Actor`. */
export const actor = z.strictObject({ key: z.string(), actor: z.string().nullable() }).meta({ id: 'Actor' });

/** What a route answers that deletes something. */
export const deleted = z.strictObject({ id: z.string() });

const mappingFields = {
  state: z.enum(['none', 'pending', 'applied', 'failed']),
  attributes: jsonObject,
  absent: z.array(z.string()).optional(),
  error: shownError.nullable(),
};

/** What an answer set on the person, or would set. */
export const mapping = z.strictObject(mappingFields).meta({ id: 'Mapping' });

/** A request as operators may see it: credentials and secrets are `***`. */
export const shownRequest = z
  .strictObject({
    method: z.string(),
    url: z.string(),
    headers: z.record(z.string(), z.string()),
    body: z.string().nullable().optional(),
  })
  .meta({ id: 'Request' });

/** Milliseconds in each phase of an exchange. */
export const phases = z.partialRecord(z.enum(['dns', 'connect', 'tls', 'send', 'headers', 'body']), z.number());

/** What was wrong with one item of a list, whose others were stored. */
export const refusedItem = z
  .strictObject({ index: count, code: z.string(), path: z.string(), message: z.string() })
  .meta({ id: 'RefusedItem' });

/** What began a journey: `id` says which of its `type`. */
export const entryCause = z
  .strictObject({
    type: z.string(),
    id: z.string(),
    change: z.string().optional(),
    broadcast: z.string().nullable().optional(),
  })
  .meta({ id: 'Cause' });
