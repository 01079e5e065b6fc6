import { z } from 'zod';
import { count, moment } from './common.ts';

const state = z.enum(['filling', 'ready']);

export const storedSegment = z
  .strictObject({
    id: z.string(),
    version: z.int(),
    state,
    people: count.optional(),
    warnings: z.array(z.string()),
    next: z.string(),
  })
  .meta({ id: 'StoredSegment' });

const summaryFields = {
  id: z.string(),
  name: z.string().nullable(),
  version: z.int(),
  state,
  createdAt: moment,
  updatedAt: moment,
};

export const segmentSummary = z.strictObject(summaryFields).meta({ id: 'SegmentSummary' });

export const segment = z
  .strictObject({ ...summaryFields, people: count, condition: z.looseObject({}) })
  .meta({ id: 'Segment' });

export const member = z.strictObject({ id: z.string(), key: z.string(), since: moment }).meta({ id: 'Member' });
