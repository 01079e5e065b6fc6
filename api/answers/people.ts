import { z } from 'zod';
import { JOURNEY_STATES } from '../../db/schema/journeys.ts';
import { DELIVERY_STATES } from '../../db/schema/deliveries.ts';
import { count, entryCause, jsonObject, moment, page, refusedItem, shownError } from './common.ts';

export const person = z
  .strictObject({
    id: z.string(),
    key: z.string(),
    attributes: jsonObject,
    suppressed: z.boolean(),
    createdAt: moment,
    updatedAt: moment,
  })
  .meta({ id: 'Person' });

export const peopleStored = z
  .strictObject({ accepted: count, errors: z.array(refusedItem) })
  .meta({ id: 'PeopleStored' });

export const erased = z.strictObject({ id: z.string(), deleted: z.literal(true) }).meta({ id: 'Erased' });

const changeCause = z.discriminatedUnion('type', [
  z.strictObject({ type: z.literal('api') }),
  z.strictObject({ type: z.literal('event'), id: z.string() }),
  z.strictObject({ type: z.literal('mapping'), delivery: z.string() }),
  z.strictObject({ type: z.literal('update'), journey: z.string(), step: z.string() }),
  z.strictObject({ type: z.literal('merge') }),
]);

const timelineOutcome = z.strictObject({
  campaign: z.string(),
  version: z.int(),
  outcome: z.string(),
  reason: z.string(),
  journey: z.string().nullable(),
});

const event = z.strictObject({
  at: moment,
  type: z.literal('event'),
  id: z.string(),
  name: z.string(),
  data: jsonObject,
  timestamp: moment,
  backfill: z.boolean(),
  outcomes: z.array(timelineOutcome),
});

const attributes = z.strictObject({
  at: moment,
  type: z.literal('attributes'),
  cause: changeCause,
  changes: z.record(z.string(), z.strictObject({ from: z.unknown(), to: z.unknown() })),
});

const entered = z.strictObject({
  at: moment,
  type: z.literal('journey'),
  what: z.literal('entered'),
  id: z.string(),
  campaign: z.string(),
  version: z.int(),
  cause: entryCause,
});

const ended = z.strictObject({
  at: moment,
  type: z.literal('journey'),
  what: z.literal('ended'),
  id: z.string(),
  campaign: z.string(),
  version: z.int(),
  state: z.enum(JOURNEY_STATES),
  reason: z.string().nullable(),
});

const delivery = z.strictObject({
  at: moment,
  type: z.literal('delivery'),
  id: z.string(),
  campaign: z.string().nullable(),
  version: z.int().nullable(),
  step: z.string().nullable(),
  journey: z.string().nullable(),
  webhook: z.string().nullable(),
  state: z.enum(DELIVERY_STATES),
  status: z.int().nullable(),
  error: shownError.nullable(),
});

/** What happened to a person, and why. */
export const timelineItem = z.union([event, attributes, entered, ended, delivery]).meta({ id: 'TimelineItem' });
export type ShownTimelineItem = z.infer<typeof timelineItem>;

export const timelinePage = page(timelineItem);
