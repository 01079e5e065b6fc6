import { z } from 'zod';
import { findEvent, listOutcomes, type NewEvent, type StoredEvent } from '../db/events.ts';
import { listNamedEvents, type NamedEvent } from '../db/named-events.ts';
import type { Db } from '../db/open.ts';
import { isPast } from '../domain/campaign/entry.ts';
import { HooklineError } from '../domain/errors.ts';
import { parseInput } from '../domain/input/faults.ts';
import { firstOf, nearest } from '../domain/input/nearest.ts';
import { event as eventAnswer, ingested } from './answers/events.ts';
import { assertDataFits, MAX_LIST_BYTES } from './body.ts';
import type { StoreEvent } from './event-groups.ts';
import { judgeItems, outcomesOf, refusalsOf, shownRefusals, validOf } from './items.ts';
import { resultsOf, storeEach } from './store-each.ts';
import { createStoringTurns } from './storing-turns.ts';
import type { Metrics } from './metrics.ts';
import { route, type Route } from './route.ts';
import { clientId, fields, idParams, noParams, noQuery, time } from './schemas.ts';

/** `anonymousId` is the id of a person who is not known by another yet: a merge makes both one. */
const eventSchema = z
  .strictObject({
    id: clientId.optional(),
    person: clientId.optional(),
    anonymousId: clientId.optional(),
    name: z.string().min(1).max(255),
    data: fields.default({}),
    timestamp: time.optional(),
    attributes: fields.optional(),
    backfill: z.boolean().default(false),
  })
  .refine(({ person, anonymousId }) => (person === undefined) !== (anonymousId === undefined), {
    path: ['person'],
    error: ({ input }) =>
      isGiven(input, 'person')
        ? 'is there, and anonymousId too; send one of them'
        : 'is missing; write an id, or anonymousId in its place',
    when: ({ value }) => typeof value === 'object' && value !== null,
  });

const isGiven = (input: unknown, key: string) => typeof input === 'object' && input !== null && key in input;

type Dependencies = { db: Db; storeEvent: StoreEvent; wake: () => void; metrics: Pick<Metrics, 'accepted'> };

/** More lists at once are stored no faster. */
const LISTS = { atOnce: 4, atMost: 6 };

/** Events are stored at once and matched by the relay: 202 says that nothing of it can get lost any more. */
export function eventRoutes({ db, storeEvent, wake, metrics }: Dependencies): Route[] {
  const takeTurn = createStoringTurns(LISTS);
  /** What is done once by its key has its transaction already: it stands in no line and shares no statement. */
  const store = (tx: Db, events: NewEvent[], isList: boolean) => {
    if (tx !== db) return storeEach(tx, events);
    return isList ? takeTurn(() => storeEach(db, events)) : Promise.all(events.map(storeEvent));
  };
  return [
    route({
      method: 'post',
      path: '/v1/events',
      summary: 'Stores one event or a list',
      scope: 'ingest',
      params: noParams,
      query: noQuery,
      maxBytes: MAX_LIST_BYTES,
      judgesItems: true,
      described: z.union([eventSchema, z.array(eventSchema).min(1).max(1000)]),
      body: z.union([z.array(z.unknown()).min(1), z.looseObject({})], {
        error: 'send one event { person, name, data? }, or a list of 1 to 1000 of them',
      }),
      examples: [
        { id: 'order-17', person: 'ada', name: 'order_placed', data: { total: 120 } },
        [{ person: 'ada', name: 'signed_up', attributes: { plan: 'gold' } }],
      ],
      answers: { 202: ingested },
      errors: ['events.too_large', 'people.too_large'],
      repeatable: true,
      handle: async ({ body, db: tx }) => {
        const isList = Array.isArray(body);
        const items = isList ? body : [body];
        const judged = judgeItems(items, parseEvent);
        const stored = await store(tx, validOf(judged), isList);
        const { accepted, results } = resultsOf(stored);
        const outcomes = outcomesOf(judged, results);
        const refusals = refusalsOf(outcomes, { what: 'events', isList });
        return {
          status: 202,
          after: () => {
            metrics.accepted(accepted);
            wake();
          },
          body: {
            accepted,
            duplicates: items.length - refusals.length - accepted,
            ids: outcomes.map((outcome) => (outcome instanceof HooklineError ? null : outcome)),
            errors: shownRefusals(refusals),
          },
        };
      },
    }),
    route({
      method: 'get',
      path: '/v1/events/:id',
      summary: 'Shows an event and what campaigns made of it',
      scope: 'operate',
      params: idParams,
      query: noQuery,
      body: null,
      answers: { 200: eventAnswer },
      errors: ['events.not_found'],
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
}

function parseEvent(input: unknown): NewEvent {
  const { person, anonymousId, ...event } = parseInput(eventSchema, input);
  assertDataFits(event.data);
  return { ...event, person: person ?? anonymousId ?? '' };
}

async function shown(db: Db, event: StoredEvent) {
  const outcomes = await listOutcomes(db, event);
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
    ...(outcomes.length === 0 && { hint: await hint(db, event) }),
  };
}

/** Why nobody entered by an event: it waits for the relay, or no campaign started on it when the relay took it up. */
async function hint(db: Db, { waits, ...event }: StoredEvent): Promise<string> {
  const { name } = event;
  const known = await listNamedEvents(db);
  const named = known.filter(({ event }) => event === name);
  if (named.some(({ role }) => role === 'trigger')) {
    return waits
      ? 'No campaign has considered this event yet; the relay takes it up as soon as it runs.'
      : `No campaign started on "${name}" when this event came; one does now.`;
  }
  if (named.length > 0) return `No campaign starts on "${name}". ${whereNamed(named)}${isPast(event) ? PAST : SEE}`;
  const near = nearest(name, [...new Set(known.map(({ event }) => event))]);
  return `No campaign starts on "${name}".${near === undefined ? '' : ` Did you mean "${near}"?`}`;
}

const SEE = ": see the log of the person's journeys.";
const PAST = ', but what is sent as backfill, or over 24 h late, counts for conditions alone.';

const ROLES = {
  trigger: 'starts on it',
  wait: 'waits for it',
  goal: 'has it as goal',
  exit: 'ends for it',
  condition: 'asks for it',
};

function whereNamed(named: NamedEvent[]): string {
  return firstOf(named.map(({ campaign, role }) => `${campaign} ${ROLES[role]}`));
}
