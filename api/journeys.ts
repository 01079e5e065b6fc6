import { z } from 'zod';
import { findJourney, listJourneys } from '../db/journey-list.ts';
import type { Db } from '../db/open.ts';
import { JOURNEY_STATES } from '../db/schema/journeys.ts';
import { HooklineError } from '../domain/errors.ts';
import { page as pageOf } from './answers/common.ts';
import { journey as journeyAnswer, journeySummary as summaryAnswer } from './answers/journeys.ts';
import { route, type Route } from './route.ts';
import { clientId, idParams, noParams, pageQuery } from './schemas.ts';
import { journeyDetail, journeySummary, type TemporalUi } from './shown-journey.ts';

export const journeyRoutes = ({ db, temporalUi }: { db: Db; temporalUi: TemporalUi }): Route[] => [
  route({
    method: 'get',
    path: '/v1/journeys',
    summary: 'Lists journeys',
    scope: 'operate',
    params: noParams,
    query: z.strictObject({
      ...pageQuery,
      campaign: clientId.optional(),
      person: clientId.optional(),
      state: z.enum([...JOURNEY_STATES, 'stuck']).optional(),
    }),
    body: null,
    answers: { 200: pageOf(summaryAnswer) },
    handle: async ({ query: { campaign, person, state, ...page } }) => {
      const { data, nextCursor } = await listJourneys(db, page, { campaign, person, state });
      return { status: 200, body: { data: data.map((journey) => journeySummary(journey, temporalUi)), nextCursor } };
    },
  }),
  route({
    method: 'get',
    path: '/v1/journeys/:id',
    summary: 'Shows a journey with its log',
    scope: 'operate',
    params: idParams,
    query: z.strictObject({}),
    body: null,
    answers: { 200: journeyAnswer },
    errors: ['journeys.not_found'],
    handle: async ({ params }) => {
      const journey = await findJourney(db, params.id);
      if (!journey) throw journeyNotFound(params.id);
      return { status: 200, body: journeyDetail(journey, temporalUi) };
    },
  }),
];

export const journeyNotFound = (id: string) =>
  new HooklineError('journeys.not_found', `No journey has the id "${id}". GET /v1/journeys lists them.`);
