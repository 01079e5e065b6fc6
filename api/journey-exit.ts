import { z } from 'zod';
import { exitJourneys } from '../db/journey-exit.ts';
import { findJourney } from '../db/journey-list.ts';
import { HooklineError } from '../domain/errors.ts';
import { journey as journeyAnswer } from './answers/journeys.ts';
import { reasonSchema } from './decisions.ts';
import { journeyNotFound } from './journeys.ts';
import { route, type Route } from './route.ts';
import { idParams, noQuery } from './schemas.ts';
import { journeyDetail, type TemporalUi } from './shown-journey.ts';

type Dependencies = { now: () => Date; wakeCarrier: () => void; temporalUi: TemporalUi };

/** Takes a person out of a journey. */
export const journeyExitRoutes = ({ now, wakeCarrier, temporalUi }: Dependencies): Route[] => [
  route({
    method: 'post',
    path: '/v1/journeys/:id/exit',
    summary: 'Ends a journey where it stands',
    scope: 'operate',
    params: idParams,
    query: noQuery,
    body: z.strictObject({ reason: reasonSchema.optional() }).optional(),
    examples: [{ reason: 'asked to' }],
    answers: { 200: journeyAnswer },
    errors: ['journeys.not_found', 'journeys.ended'],
    repeatable: true,
    handle: async ({ params: { id }, body: { reason = 'an operator ended it' } = {}, caller: { key, actor }, db }) => {
      const ended = await exitJourneys(db, [id], { reason, by: { key, actor }, now: now() });
      const journey = await findJourney(db, id);
      if (!journey) throw journeyNotFound(id);
      if (ended.length === 0) {
        throw new HooklineError('journeys.ended', `The journey "${id}" has ended already: it is ${journey.state}.`);
      }
      return { status: 200, body: journeyDetail(journey, temporalUi), after: wakeCarrier };
    },
  }),
];
