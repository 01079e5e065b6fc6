import { createHash } from 'node:crypto';
import { z } from 'zod';
import { createBroadcast, findBroadcast } from '../db/broadcasts.ts';
import {
  changeCampaignState,
  countInside,
  findCampaign,
  listCampaigns,
  publishVersion,
  wouldPublish,
  type CampaignRow,
} from '../db/campaigns.ts';
import type { Db } from '../db/open.ts';
import type { DestinationRules } from '../domain/delivery/address.ts';
import { campaignSchema, validateCampaign } from '../domain/campaign/campaign.ts';
import { HooklineError } from '../domain/errors.ts';
import {
  broadcast as broadcastAnswer,
  campaign as campaignAnswer,
  campaignSummary,
  published,
  triggered,
} from './answers/campaigns.ts';
import { page } from './answers/common.ts';
import { assertDataFits, assertItems, MAX_LIST_BYTES } from './body.ts';
import { route, type Route } from './route.ts';
import { unknownPeople } from './unknown-people.ts';
import { clientId, fields, idParams, namedPageQuery, noParams, noQuery } from './schemas.ts';

const MAX_DEFINITION_BYTES = 256 * 1024;

const triggerBody = z.strictObject({
  people: z.array(clientId).min(1),
  data: fields.default({}),
  id: clientId.optional(),
});

type Dependencies = { db: Db; wake: () => void; destinations: DestinationRules };

/** Campaigns are published as immutable versions; `start` lets people enter, `trigger` enters people by hand. */
export const campaignRoutes = ({ db, wake, destinations }: Dependencies): Route[] => [
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
    examples: [{ trigger: { type: 'event', event: 'signed_up' }, steps: [{ type: 'exit' }] }],
    answers: { 200: published },
    errors: ['campaigns.invalid'],
    handle: async ({ params, query, body }) => {
      const { campaign, plan, warnings } = validateCampaign(body, params.id, destinations);
      const definition = { ...campaign, id: params.id };
      const isDry = query.dryRun === 'true';
      const { version, state } = isDry
        ? await wouldPublish(db, definition)
        : await publishVersion(db, definition, plan);
      const next = isDry ? 'nothing was stored; send it without dryRun to publish it' : nextStep(params.id, state);
      return {
        status: 200,
        body: { id: params.id, version, state, inside: await countInside(db, params.id), warnings, next },
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
      return { status: 200, body: await shown(db, campaign) };
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
      const campaign = await changeCampaignState(db, params.id, ['new', 'stopped'], 'live');
      if (!campaign) throw noCampaign(params.id);
      if (campaign.state !== 'live') {
        throw new HooklineError('campaigns.state', `Campaign ${params.id} is ${campaign.state} and cannot be started.`);
      }
      return { status: 200, body: await shown(db, campaign) };
    },
  }),
  route({
    method: 'post',
    path: '/v1/campaigns/:id/trigger',
    summary: 'Enters people by hand',
    scope: 'operate',
    params: idParams,
    query: noQuery,
    body: triggerBody,
    maxBytes: MAX_LIST_BYTES,
    examples: [{ people: ['ada'], data: { code: 4711 }, id: 'june-offer' }],
    answers: { 202: triggered },
    errors: ['campaigns.not_found', 'campaigns.state', 'events.too_large', 'idempotency.mismatch'],
    repeatable: true,
    handle: async ({ params, body, db: tx }) => {
      assertItems(body.people);
      assertDataFits(body.data);
      const people = [...new Set(body.people)];
      const requestHash = createHash('sha256')
        .update(JSON.stringify([people, body.data]))
        .digest('hex');
      const result = await createBroadcast(tx, {
        campaign: params.id,
        people,
        data: body.data,
        requestId: body.id,
        requestHash,
      });
      switch (result.type) {
        case 'noCampaign':
          throw noCampaign(params.id);
        case 'notManual':
          throw new HooklineError(
            'campaigns.state',
            `Campaign ${params.id} starts by ${result.trigger}; only a manual one can be triggered.`,
          );
        case 'notLive':
          throw new HooklineError(
            'campaigns.state',
            `Campaign ${params.id} is ${result.state}; POST /v1/campaigns/${params.id}/start first.`,
          );
        case 'mismatch':
          throw new HooklineError(
            'idempotency.mismatch',
            `The id "${body.id}" was used for a trigger with other people or data. Take a new id.`,
          );
        case 'unknownPeople':
          throw unknownPeople(body, new Set(result.people), 'nobody was entered');
        case 'stored':
        case 'repeated':
          return { status: 202, body: { broadcast: { id: result.id } }, after: wake };
      }
    },
  }),
  route({
    method: 'get',
    path: '/v1/broadcasts/:id',
    summary: 'Shows what came of a manual trigger',
    scope: 'operate',
    params: idParams,
    query: noQuery,
    body: null,
    answers: { 200: broadcastAnswer },
    errors: ['broadcasts.not_found'],
    handle: async ({ params }) => {
      const broadcast = await findBroadcast(db, params.id);
      if (!broadcast) throw new HooklineError('broadcasts.not_found', `No broadcast has the id "${params.id}".`);
      const { entered = 0, ...refused } = broadcast.counts;
      const { id, campaignId, version, selected, createdAt } = broadcast;
      return { status: 200, body: { id, campaign: campaignId, version, selected, entered, refused, createdAt } };
    },
  }),
];

const noCampaign = (id: string) =>
  new HooklineError('campaigns.not_found', `No campaign has the id "${id}". PUT /v1/campaigns/${id} publishes one.`);

const nextStep = (id: string, state: CampaignRow['state']) =>
  state === 'live' ? `new entries get this version` : `POST /v1/campaigns/${id}/start lets people enter`;

async function shown(db: Db, { id, version, state, definition, createdAt, updatedAt }: CampaignRow) {
  return { id, version, state, inside: await countInside(db, id), definition, createdAt, updatedAt };
}
