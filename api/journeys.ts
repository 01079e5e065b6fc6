import { z } from 'zod';
import { findJourney, listJourneys, type JourneyDetail, type JourneyWithPerson } from '../db/journeys.ts';
import type { Db } from '../db/open.ts';
import { JOURNEY_STATES } from '../db/schema/journeys.ts';
import { HooklineError } from '../domain/errors.ts';
import { journeyWorkflowId } from '../workflows/messages.ts';
import { route, type Route } from './route.ts';
import { clientId, idParams, noParams, pageQuery } from './schemas.ts';

/** Where to look a journey up in Temporal's UI; without a URL there is no link. */
export type TemporalUi = { url: string | undefined; namespace: string };

export const journeyRoutes = ({ db, temporalUi }: { db: Db; temporalUi: TemporalUi }): Route[] => [
  route({
    method: 'get',
    path: '/v1/journeys',
    scope: 'operate',
    params: noParams,
    query: z.strictObject({
      ...pageQuery,
      campaign: clientId.optional(),
      person: clientId.optional(),
      state: z.enum(JOURNEY_STATES).optional(),
    }),
    body: null,
    handle: async ({ query: { campaign, person, state, ...page } }) => {
      const { data, nextCursor } = await listJourneys(db, page, { campaign, person, state });
      return { status: 200, body: { data: data.map((journey) => summary(journey, temporalUi)), nextCursor } };
    },
  }),
  route({
    method: 'get',
    path: '/v1/journeys/:id',
    scope: 'operate',
    params: idParams,
    query: z.strictObject({}),
    body: null,
    handle: async ({ params }) => {
      const journey = await findJourney(db, params.id);
      if (!journey) throw journeyNotFound(params.id);
      return { status: 200, body: journeyDetail(journey, temporalUi) };
    },
  }),
];

export const journeyNotFound = (id: string) =>
  new HooklineError('journeys.not_found', `No journey has the id "${id}". GET /v1/journeys lists them.`);

function summary(journey: JourneyWithPerson, ui: TemporalUi) {
  const { id, campaignId, version, person, state, createdAt, endedAt, reason } = journey;
  const workflow = encodeURIComponent(journeyWorkflowId(id, journey.run));
  return {
    id,
    campaign: campaignId,
    version,
    person,
    state,
    step: stepOf(journey),
    startedAt: createdAt,
    endedAt,
    reason,
    temporalUrl: ui.url === undefined ? null : `${ui.url}/namespaces/${ui.namespace}/workflows/${workflow}`,
  };
}

export function journeyDetail(journey: JourneyDetail, ui: TemporalUi) {
  const log = journey.log.map(({ at, step, what, details }) => ({
    at,
    step: step === '' ? null : step,
    what,
    ...details,
  }));
  return { ...summary(journey, ui), log, deliveries: journey.deliveries };
}

/** The step that a journey is at, and in words what it waits for there; null before the first and after the end. */
function stepOf(journey: JourneyWithPerson) {
  const { stepId, stepType, stepSince, endedAt } = journey;
  const stepUntil = journey.parkedFor ? null : journey.stepUntil;
  if (stepId === null || endedAt !== null) return null;
  return { id: stepId, type: stepType, since: stepSince, until: stepUntil, waitsFor: waitsFor(journey) };
}

const PARKED = {
  breaker: 'its destination to work again',
  rateLimit: "its time under the webhook's rate limit",
  slot: 'a slot at its destination',
};

function waitsFor({ state, stepUntil, parkedFor }: JourneyWithPerson): string | null {
  if (state === 'delayed' && stepUntil) return `its delay to end at ${stepUntil.toISOString()}`;
  if (state === 'awaitingApproval')
    return `the approval of its webhook${stepUntil ? ` until ${stepUntil.toISOString()}` : ''}`;
  if (state !== 'sending') return null;
  if (parkedFor) return PARKED[parkedFor];
  return `an answer to its webhook${stepUntil ? `, which is tried again at ${stepUntil.toISOString()}` : ''}`;
}
