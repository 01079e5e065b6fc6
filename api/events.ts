import { z } from 'zod';
import { listTriggerEvents } from '../db/campaigns.ts';
import { findEvent, ingestEvents, listOutcomes, type NewEvent, type StoredEvent } from '../db/events.ts';
import type { Db } from '../db/open.ts';
import { HooklineError } from '../domain/errors.ts';
import { parseInput } from '../domain/faults.ts';
import { nearest } from '../domain/nearest.ts';
import { route, type Route } from './route.ts';
import { clientId, fields, idParams, noParams, noQuery, time } from './schemas.ts';

const MAX_EVENTS = 1000;
const MAX_DATA_BYTES = 32 * 1024;

const data = fields.refine((value) => Buffer.byteLength(JSON.stringify(value)) <= MAX_DATA_BYTES, {
  error: `the data of an event may take ${MAX_DATA_BYTES} bytes; send less, or a link`,
});

export const eventSchema = z.strictObject({
  id: clientId.optional(),
  person: clientId,
  name: z.string().min(1).max(255),
  data: data.default({}),
  timestamp: time.optional(),
  attributes: fields.optional(),
  backfill: z.boolean().default(false),
});

/** Events are stored at once and matched by the relay: 202 says that nothing of it can get lost any more. */
export const eventRoutes = ({ db, wake }: { db: Db; wake: () => void }): Route[] => [
  route({
    method: 'post',
    path: '/v1/events',
    scope: 'ingest',
    params: noParams,
    query: noQuery,
    maxBytes: 8 * 1024 * 1024,
    body: z.union([z.array(z.unknown()).min(1).max(MAX_EVENTS), z.looseObject({})], {
      error: `send one event { person, name, data? }, or a list of 1 to ${MAX_EVENTS} of them`,
    }),
    handle: async ({ body }) => {
      const judged = (Array.isArray(body) ? body : [body]).map(judge);
      const valid = judged.flatMap((one) => ('event' in one ? [one.event] : []));
      const errors = judged.flatMap((one, index) =>
        'errors' in one ? one.errors.map((error) => ({ index, ...error })) : [],
      );
      if (valid.length === 0) throw refusedEvents(errors, Array.isArray(body));
      const { ids, accepted } = await ingestEvents(db, valid);
      wake();
      const stored = ids[Symbol.iterator]();
      return {
        status: 202,
        body: {
          accepted: accepted.size,
          duplicates: valid.length - accepted.size,
          ids: judged.map((one) => ('event' in one ? (stored.next().value ?? null) : null)),
          errors,
        },
      };
    },
  }),
  route({
    method: 'get',
    path: '/v1/events/:id',
    scope: 'operate',
    params: idParams,
    query: noQuery,
    body: null,
    handle: async ({ params }) => {
      const event = await findEvent(db, params.id);
      if (!event) {
        throw new HooklineError(
          'events.not_found',
          `No event has the id "${params.id}". POST /v1/events answers the ids of what it stored.`,
        );
      }
      return { status: 200, body: await shown(db, event) };
    },
  }),
];

type EventFault = { code: string; path: string; message: string };

function judge(input: unknown): { event: NewEvent } | { errors: EventFault[] } {
  try {
    return { event: parseInput(eventSchema, input) };
  } catch (error) {
    if (!(error instanceof HooklineError)) throw error;
    return { errors: error.errors.map(({ path, message }) => ({ code: error.code, path, message })) };
  }
}

function refusedEvents(faults: (EventFault & { index: number })[], isList: boolean): HooklineError {
  const errors = faults.map(({ index, path, message }) => ({
    path: isList ? `[${index}]${path && `.${path}`}` : path,
    message,
  }));
  const first = errors[0];
  const where = first ? `${first.path}: ${first.message}` : 'nothing was sent';
  return new HooklineError('input.invalid', isList ? `None of the events is valid, first ${where}` : where, { errors });
}

async function shown(db: Db, event: StoredEvent) {
  const outcomes = await listOutcomes(db, `event/${event.id}`);
  const { id, person, name, data: eventData, timestamp, receivedAt } = event;
  return {
    id,
    person,
    name,
    data: eventData,
    timestamp,
    receivedAt,
    outcomes: outcomes.map(({ campaignId, version, outcome, reason, values, journeyId }) => ({
      campaign: campaignId,
      version,
      outcome,
      reason,
      values,
      journey: journeyId,
    })),
    ...(outcomes.length === 0 && { hint: await hint(db, name) }),
  };
}

/** Why nothing came of an event: it waits for the relay, or no campaign names it. */
async function hint(db: Db, name: string): Promise<string> {
  const known = await listTriggerEvents(db);
  if (known.includes(name))
    return 'No campaign has considered this event yet; the relay takes it up as soon as it runs.';
  const near = nearest(name, known);
  return `No campaign starts on "${name}".${near === undefined ? '' : ` Did you mean "${near}"?`}`;
}
