import { z } from 'zod';
import { count, moment } from './common.ts';

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

export const campaign = z
  .strictObject({
    id: z.string(),
    version: z.int(),
    state,
    inside,
    /** As `/v1/schemas/campaign.json` has it. */
    definition: z.looseObject({}),
    createdAt: moment,
    updatedAt: moment,
  })
  .meta({ id: 'Campaign' });

export const triggered = z.strictObject({ broadcast: z.strictObject({ id: z.string() }) });

export const broadcast = z
  .strictObject({
    id: z.string(),
    campaign: z.string(),
    version: z.int(),
    state: z.enum(['running', 'completed', 'stopped']),
    selected: count,
    entered: count,
    /** By outcome. */
    refused: z.record(z.string(), count),
    createdAt: moment,
    endedAt: moment.nullable(),
  })
  .meta({ id: 'Broadcast' });
