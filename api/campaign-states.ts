import { z } from 'zod';
import { exitPage } from '../db/campaign-exit.ts';
import { changeCampaignState, type CampaignRow } from '../db/campaigns.ts';
import type { Db } from '../db/open.ts';
import { freeHeldBack } from '../db/paused.ts';
import { HooklineError } from '../domain/errors.ts';
import { campaign as campaignAnswer } from './answers/campaigns.ts';
import { noCampaign, shownCampaign } from './campaigns.ts';
import { route, type Route } from './route.ts';
import { idParams, noQuery } from './schemas.ts';

type Dependencies = { db: Db; now: () => Date; wakeCarrier: () => void };

/** What is done with those who are inside when a campaign is stopped. */
const stopBody = z.strictObject({ people: z.enum(['finish', 'exit']).default('finish') }).optional();

/** How a live campaign is held up, goes on, and ends. Each may be repeated. What is left of many people is done by the relay. */
export const campaignStateRoutes = ({ db, now, wakeCarrier }: Dependencies): Route[] => [
  route({
    method: 'post',
    path: '/v1/campaigns/:id/pause',
    summary: 'Lets nobody enter, nothing be sent, until it is resumed',
    scope: 'admin',
    params: idParams,
    query: noQuery,
    body: null,
    answers: { 200: campaignAnswer },
    errors: ['campaigns.not_found', 'campaigns.state'],
    handle: async ({ params: { id } }) => {
      const campaign = await changeCampaignState(db, id, ['live'], 'paused');
      return { status: 200, body: await shownCampaign(db, inState(id, campaign, 'paused')) };
    },
  }),
  route({
    method: 'post',
    path: '/v1/campaigns/:id/resume',
    summary: 'Lets a paused campaign go on',
    scope: 'admin',
    params: idParams,
    query: noQuery,
    body: null,
    answers: { 200: campaignAnswer },
    errors: ['campaigns.not_found', 'campaigns.state'],
    handle: async ({ params: { id } }) => {
      const campaign = inState(id, await changeCampaignState(db, id, ['paused'], 'live'), 'live');
      await freeHeldBack(db, id, now());
      wakeCarrier();
      return { status: 200, body: await shownCampaign(db, campaign) };
    },
  }),
  route({
    method: 'post',
    path: '/v1/campaigns/:id/stop',
    summary: 'Ends a campaign, and what happens to those inside',
    scope: 'admin',
    params: idParams,
    query: noQuery,
    body: stopBody,
    examples: [{ people: 'finish' }],
    answers: { 200: campaignAnswer },
    errors: ['campaigns.not_found', 'campaigns.state'],
    handle: async ({ params: { id }, body: { people } = { people: 'finish' } }) => {
      const exit = people === 'exit';
      // Whoever was to finish may have to leave after all.
      const from = exit ? (['live', 'paused', 'stopped'] as const) : (['live', 'paused'] as const);
      const campaign = inState(id, await changeCampaignState(db, id, [...from], 'stopped', { exit }), 'stopped');
      const { exitBefore } = campaign;
      if (exitBefore) await exitPage(db, { id, exitBefore }, now());
      await freeHeldBack(db, id, now());
      wakeCarrier();
      return { status: 200, body: await shownCampaign(db, campaign) };
    },
  }),
];

const HOW = { paused: 'paused', live: 'resumed', stopped: 'stopped' };

/** The campaign, where the change led to its state. */
function inState(id: string, campaign: CampaignRow | undefined, state: keyof typeof HOW): CampaignRow {
  if (!campaign) throw noCampaign(id);
  if (campaign.state === state) return campaign;
  const message = `Campaign ${id} is ${campaign.state} and cannot be ${HOW[state]}; POST /v1/campaigns/${id}/start starts it.`;
  throw new HooklineError('campaigns.state', message);
}
