import { z } from 'zod';
import type { Db } from '../db/open.ts';
import { readTimeline, type TimelineItem, type TimelineOutcome } from '../db/timeline.ts';
import { timelinePage, type ShownTimelineItem } from './answers/people.ts';
import { personNotFound } from './people.ts';
import { route, type Route } from './route.ts';
import { idParams, timelinePageQuery } from './schemas.ts';
import { shownCause } from './shown-cause.ts';

/** What happened to a person, and why: events, changes of attributes, journeys and deliveries in one order. */
export const timelineRoutes = ({ db }: { db: Db }): Route[] => [
  route({
    method: 'get',
    path: '/v1/people/:id/timeline',
    summary: 'Shows what happened to a person, and why',
    scope: 'operate',
    params: idParams,
    query: z.strictObject(timelinePageQuery),
    body: null,
    answers: { 200: timelinePage },
    errors: ['people.not_found'],
    handle: async ({ params, query }) => {
      const timeline = await readTimeline(db, params.id, query);
      if (!timeline) throw personNotFound(params.id);
      const { data, nextCursor, outcomes } = timeline;
      return { status: 200, body: { data: data.map((item) => shown(item, outcomes)), nextCursor } };
    },
  }),
];

function shown(item: TimelineItem, outcomes: TimelineOutcome[]): ShownTimelineItem {
  const { at } = item;
  switch (item.kind) {
    case 'event': {
      const { id, name, data, timestamp, backfill } = item.row;
      const own = outcomes.filter(({ cause }) => cause === `event/${id}`).map(shownOutcome);
      return { at, type: 'event', id, name, data, timestamp, backfill, outcomes: own };
    }
    case 'attributes': {
      const { cause, changes } = item.row;
      return { at, type: 'attributes', cause, changes };
    }
    case 'entered': {
      const { id, campaignId, version } = item.row;
      const cause = shownCause(item.row);
      return { at, type: 'journey', what: 'entered', id, campaign: campaignId, version, cause };
    }
    case 'delivery': {
      const { id, campaignId, version, stepId, journeyId, webhookId, state, status, error } = item.row;
      const of = { campaign: campaignId, version, step: stepId, journey: journeyId, webhook: webhookId };
      return { at, type: 'delivery', id, ...of, state, status, error };
    }
    case 'ended': {
      const { id, campaignId, version, state, reason } = item.row;
      return { at, type: 'journey', what: 'ended', id, campaign: campaignId, version, state, reason };
    }
  }
}

const shownOutcome = ({ campaignId, version, outcome, reason, journeyId }: TimelineOutcome) => ({
  campaign: campaignId,
  version,
  outcome,
  reason,
  journey: journeyId,
});
