import { z } from 'zod';
import { JOURNEY_STATES } from '../../db/schema/journeys.ts';
import { moment } from './common.ts';

const step = z.strictObject({
  id: z.string(),
  type: z.string().nullable(),
  since: moment.nullable(),
  until: moment.nullable(),
  /** In words. */
  waitsFor: z.string().nullable(),
});

export const journeySummary = z
  .strictObject({
    id: z.string(),
    campaign: z.string(),
    version: z.int(),
    person: z.string(),
    state: z.enum([...JOURNEY_STATES, 'stuck']),
    step: step.nullable(),
    startedAt: moment,
    endedAt: moment.nullable(),
    reason: z.string().nullable(),
    temporalUrl: z.string().nullable(),
  })
  .meta({ id: 'JourneySummary' });

/** A line of a journey's log; what else it has depends on `what`. */
export const logLine = z
  .looseObject({ at: moment, step: z.string().nullable(), what: z.string() })
  .meta({ id: 'LogLine' });

export const journey = journeySummary
  .extend({ log: z.array(logLine), deliveries: z.array(z.string()) })
  .meta({ id: 'Journey' });
