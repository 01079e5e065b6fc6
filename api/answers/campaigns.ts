import { z } from 'zod';
import { BROADCAST_STATES, OUTCOMES } from '../../db/schema/campaigns.ts';
import { count, jsonObject, moment, shownError } from './common.ts';

const state = z.enum(['new', 'live', 'paused', 'stopped']);

/** Journeys that have not ended, by version. */
const inside = z.record(z.string(), count);

export const published = z
  .strictObject({
    id: z.string(),
    version: z.int(),
    state,
    inside,
    warnings: z.array(z.string()),
    next: z.string(),
  })
  .meta({ id: 'PublishedCampaign' });

export const campaignSummary = z
  .strictObject({ id: z.string(), version: z.int(), state, createdAt: moment, updatedAt: moment })
  .meta({ id: 'CampaignSummary' });

/** When a schedule goes off next: what clocks show in `zone` then, and the moment. */
const upcomingTime = z.strictObject({ localTime: z.string(), zone: z.string(), dueAt: moment });

export const campaign = z
  .strictObject({
    id: z.string(),
    version: z.int(),
    state,
    inside,
    /** As `/v1/schemas/campaign.json` has it. */
    definition: z.looseObject({}),
    /** Of a schedule: the next 100 times, one for each zone. */
    upcoming: z.array(upcomingTime).optional(),
    createdAt: moment,
    updatedAt: moment,
  })
  .meta({ id: 'Campaign' });

export const campaignVersion = z
  .strictObject({
    id: z.string(),
    version: z.int(),
    inside: count,
    definition: z.looseObject({}),
    createdAt: moment,
  })
  .meta({ id: 'CampaignVersion' });

export const consideredEntry = z
  .strictObject({
    at: moment,
    person: z.string(),
    cause: z.string(),
    version: z.int(),
    outcome: z.enum(OUTCOMES),
    reason: z.string(),
    values: jsonObject,
    journey: z.string().nullable(),
  })
  .meta({ id: 'ConsideredEntry' });

/** How many, by what. */
const tally = z.record(z.string(), count);

const stepStats = z.strictObject({
  id: z.string(),
  type: z.string(),
  people: count,
  deliveries: tally,
  conversions: count,
});

const variantStats = z.strictObject({
  name: z.string(),
  entries: count,
  conversions: count,
  rate: z.number().nullable(),
  /** The lower and the upper end. */
  interval: z.array(z.number()).length(2).nullable(),
});

export const stats = z
  .strictObject({
    entries: count,
    refused: tally,
    active: count,
    completed: count,
    exited: count,
    steps: z.array(stepStats),
    conversions: count,
    splits: z.array(z.strictObject({ id: z.string(), variants: z.array(variantStats) })),
  })
  .meta({ id: 'CampaignStats' });

export const triggered = z.strictObject({ broadcast: z.strictObject({ id: z.string() }) });

export const broadcastSummary = z
  .strictObject({
    id: z.string(),
    campaign: z.string(),
    version: z.int(),
    state: z.enum(BROADCAST_STATES),
    /** What clocks showed when the schedule went off that made it. */
    occurrence: z.string().optional(),
    /** Of a schedule in each person's own zone: the one whose people it is for. */
    zone: z.string().optional(),
    selected: count,
    createdAt: moment,
    endedAt: moment.nullable(),
  })
  .meta({ id: 'BroadcastSummary' });

export const broadcast = broadcastSummary
  .extend({
    entered: count,
    /** By outcome. */
    refused: z.record(z.string(), count),
    /** Why Temporal does not start its workflow, while it refuses. */
    error: shownError.optional(),
  })
  .meta({ id: 'Broadcast' });
