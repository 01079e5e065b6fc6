import { z } from 'zod';
import { countCampaign } from '../db/campaign-counts.ts';
import { findCurrentVersion } from '../db/campaigns.ts';
import { listCampaignOutcomes, type ListedOutcome } from '../db/outcome-list.ts';
import type { Db } from '../db/open.ts';
import { OUTCOMES } from '../db/schema/campaigns.ts';
import { campaignStats } from '../domain/campaign/campaign-stats.ts';
import { consideredEntry, stats } from './answers/campaigns.ts';
import { page as pageOf } from './answers/common.ts';
import { noCampaign } from './campaigns.ts';
import { route, type Route } from './route.ts';
import { causeText } from './shown-cause.ts';
import { clientId, idParams, noQuery, outcomePageQuery } from './schemas.ts';

/** What became of everybody whom a campaign considered: one by one, and counted. */
export const campaignFigureRoutes = ({ db }: { db: Db }): Route[] => [
  route({
    method: 'get',
    path: '/v1/campaigns/:id/outcomes',
    summary: 'Lists each entry that was considered, and why',
    scope: 'operate',
    params: idParams,
    query: z.strictObject({
      ...outcomePageQuery,
      person: clientId.optional(),
      outcome: z.enum(OUTCOMES).optional(),
    }),
    body: null,
    answers: { 200: pageOf(consideredEntry) },
    errors: ['campaigns.not_found'],
    handle: async ({ params: { id }, query: { person, outcome, ...page } }) => {
      const { data, nextCursor } = await listCampaignOutcomes(db, page, { campaign: id, person, outcome });
      if (data.length === 0 && (await findCurrentVersion(db, id)) === undefined) throw noCampaign(id);
      return {
        status: 200,
        body: { data: data.map(shown), nextCursor: nextCursor && Buffer.from(nextCursor).toString('base64url') },
      };
    },
  }),
  route({
    method: 'get',
    path: '/v1/campaigns/:id/stats',
    summary: 'Counts what became of everybody',
    scope: 'operate',
    params: idParams,
    query: noQuery,
    body: null,
    answers: { 200: stats },
    errors: ['campaigns.not_found'],
    handle: async ({ params: { id } }) => {
      const counted = await countCampaign(db, id);
      if (!counted) throw noCampaign(id);
      return { status: 200, body: campaignStats(counted.versions, counted.counts) };
    },
  }),
];

const shown = ({ at, person, cause, version, outcome, reason, values, journeyId }: ListedOutcome) => ({
  at,
  person,
  cause: causeText(cause),
  version,
  outcome,
  reason,
  values,
  journey: journeyId,
});
