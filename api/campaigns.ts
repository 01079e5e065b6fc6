import { z } from 'zod';
import {
  countInside,
  findCampaign,
  findCurrentVersion,
  findPublished,
  listCampaigns,
  publishVersion,
  wouldPublish,
  type CampaignRow,
} from '../db/campaigns.ts';
import { listUpcoming } from '../db/occurrences.ts';
import { startCampaign } from '../db/start-campaign.ts';
import type { Db } from '../db/open.ts';
import { listSegmentIds } from '../db/segments.ts';
import type { DestinationRules } from '../domain/delivery/address.ts';
import { campaignSchema, validateCampaign } from '../domain/campaign/campaign.ts';
import { sentNames } from '../domain/campaign/sent-names.ts';
import { segmentNames } from '../domain/campaign/segment-names.ts';
import { scheduleWarnings } from '../domain/campaign/schedule-warnings.ts';
import { HooklineError } from '../domain/errors.ts';
import { campaign as campaignAnswer, campaignSummary, campaignVersion, published } from './answers/campaigns.ts';
import { page } from './answers/common.ts';
import { CAMPAIGN_EXAMPLE } from './examples.ts';
import { route, type Route } from './route.ts';
import { idParams, namedPageQuery, noParams, noQuery, versionNumber } from './schemas.ts';
import { unsentWarnings } from './unsent-warnings.ts';

const MAX_DEFINITION_BYTES = 256 * 1024;

type Dependencies = { db: Db; now: () => Date; wakeCarrier: () => void; destinations: DestinationRules };

/** Campaigns are published as immutable versions; `start` lets people enter. */
export const campaignRoutes = ({ db, now, wakeCarrier, destinations }: Dependencies): Route[] => [
  route({
    method: 'put',
    path: '/v1/campaigns/:id',
    summary: 'Validates a campaign and stores it as next version',
    scope: 'admin',
    params: idParams,
    query: z.strictObject({ dryRun: z.enum(['true', 'false']).optional() }),
    body: z.unknown(),
    described: campaignSchema,
    maxBytes: MAX_DEFINITION_BYTES,
    yaml: true,
    examples: [CAMPAIGN_EXAMPLE],
    answers: { 200: published },
    errors: ['campaigns.invalid'],
    handle: async ({ params, query, body }) => {
      const known = await listSegmentIds(db);
      const { campaign, plan, warnings } = validateCampaign(body, params.id, destinations, known);
      const definition = { ...campaign, id: params.id };
      const isDry = query.dryRun === 'true';
      const { version, state } = isDry
        ? await wouldPublish(db, definition)
        : await publishVersion(db, definition, plan, [
            ...new Set(segmentNames(definition).map(({ segment }) => segment)),
          ]);
      const next = isDry ? 'nothing was stored; send it without dryRun to publish it' : nextStep(params.id, state);
      return {
        status: 200,
        body: {
          id: params.id,
          version,
          state,
          inside: await countInside(db, params.id),
          warnings: [
            ...warnings,
            ...scheduleWarnings(definition, now()),
            ...(await unsentWarnings(db, sentNames(definition))),
          ],
          next,
        },
      };
    },
  }),
  route({
    method: 'get',
    path: '/v1/campaigns',
    summary: 'Lists campaigns, without their definitions',
    scope: 'operate',
    params: noParams,
    query: z.strictObject(namedPageQuery),
    body: null,
    answers: { 200: page(campaignSummary) },
    handle: async ({ query }) => {
      const { data, nextCursor } = await listCampaigns(db, query);
      const summaries = data.map(({ id, version, state, createdAt, updatedAt }) => ({
        id,
        version,
        state,
        createdAt,
        updatedAt,
      }));
      return { status: 200, body: { data: summaries, nextCursor } };
    },
  }),
  route({
    method: 'get',
    path: '/v1/campaigns/:id',
    summary: 'Shows a campaign',
    scope: 'operate',
    params: idParams,
    query: noQuery,
    body: null,
    answers: { 200: campaignAnswer },
    errors: ['campaigns.not_found'],
    handle: async ({ params }) => {
      const campaign = await findCampaign(db, params.id);
      if (!campaign) throw noCampaign(params.id);
      return { status: 200, body: await shownCampaign(db, campaign) };
    },
  }),
  route({
    method: 'get',
    path: '/v1/campaigns/:id/versions/:version',
    summary: 'Shows a version of a campaign',
    scope: 'operate',
    params: idParams.extend({ version: versionNumber }),
    query: noQuery,
    body: null,
    answers: { 200: campaignVersion },
    errors: ['campaigns.not_found'],
    handle: async ({ params: { id, version } }) => {
      const published = await findPublished(db, id, version);
      if (published) {
        const { definition, inside, createdAt } = published;
        return { status: 200, body: { id, version, inside, definition, createdAt } };
      }
      const current = await findCurrentVersion(db, id);
      if (current === undefined) throw noCampaign(id);
      const message = `Campaign ${id} has no version ${version}; the newest is ${current}.`;
      throw new HooklineError('campaigns.not_found', message);
    },
  }),
  route({
    method: 'post',
    path: '/v1/campaigns/:id/start',
    summary: 'Lets people enter',
    scope: 'admin',
    params: idParams,
    query: noQuery,
    body: null,
    answers: { 200: campaignAnswer },
    errors: ['campaigns.not_found', 'campaigns.state'],
    handle: async ({ params }) => {
      const campaign = await startCampaign(db, params.id);
      if (!campaign) throw noCampaign(params.id);
      if (campaign.state !== 'live') {
        throw new HooklineError(
          'campaigns.state',
          `Campaign ${params.id} is paused and cannot be started; POST /v1/campaigns/${params.id}/resume.`,
        );
      }
      wakeCarrier();
      return { status: 200, body: await shownCampaign(db, campaign) };
    },
  }),
];

export const noCampaign = (id: string) =>
  new HooklineError('campaigns.not_found', `No campaign has the id "${id}". PUT /v1/campaigns/${id} publishes one.`);

function nextStep(id: string, state: CampaignRow['state']): string {
  if (state === 'live') return 'new entries get this version';
  return `POST /v1/campaigns/${id}/${state === 'paused' ? 'resume' : 'start'} lets people enter`;
}

export async function shownCampaign(db: Db, { id, version, state, definition, createdAt, updatedAt }: CampaignRow) {
  const [inside, upcoming] = await Promise.all([
    countInside(db, id),
    definition.trigger.type === 'schedule' ? listUpcoming(db, id) : undefined,
  ]);
  return { id, version, state, inside, definition, ...(upcoming && { upcoming }), createdAt, updatedAt };
}
