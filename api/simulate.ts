import { z } from 'zod';
import type { Cipher } from '../db/cipher.ts';
import { createFacts } from '../db/facts.ts';
import { countActivity } from '../db/activity.ts';
import { entryHistories } from '../db/entries.ts';
import type { Db } from '../db/open.ts';
import { changedAttributes } from '../db/people.ts';
import { listDefinitions } from '../db/segments.ts';
import { allSteps, validateCampaign, warningsOf, type Campaign } from '../domain/campaign/campaign.ts';
import { campaignScope } from '../domain/campaign/campaign-scope.ts';
import { compileCampaign } from '../domain/campaign/compiled-campaign.ts';
import { decideEntry, type EntryDecision } from '../domain/campaign/decide-entry.ts';
import { sentNames } from '../domain/campaign/sent-names.ts';
import { compilePlan } from '../domain/campaign/plan.ts';
import type { Condition } from '../domain/condition/condition.ts';
import { evaluateCondition, type Facts } from '../domain/condition/evaluate-condition.ts';
import { NO_FACTS } from '../domain/condition/facts.ts';
import type { DestinationRules } from '../domain/delivery/address.ts';
import type { InputFault } from '../domain/errors.ts';
import { durationSchema, parseDurationMs } from '../domain/input/duration.ts';
import { didYouMean, hint } from '../domain/input/nearest.ts';
import { simulate, type SimulatedJourney } from '../domain/journey/simulate.ts';
import { triedOutFacts } from '../domain/journey/simulate-facts.ts';
import { simulatedEvents } from '../domain/journey/simulate-wait.ts';
import { SIMULATED, type Simulation } from '../domain/journey/simulation.ts';
import { compileSegment } from '../domain/segment/compiled-segment.ts';
import { simulation } from './answers/tried-out.ts';
import { assertItems } from './body.ts';
import { patience } from './patience.ts';
import { shownMapping, shownRequest } from './shown-delivery.ts';
import { route, type Route } from './route.ts';
import { fields, noParams, noQuery } from './schemas.ts';
import {
  judgedAt,
  occasionOf,
  oneOf,
  readPublished,
  readSubject,
  refuseFaults,
  secretsFor,
  tryOutFields,
  type Occasion,
  type Subject,
} from './try-out.ts';

/** Templates may take long, and the API has others to answer. */
const LONGEST_WALK_MS = 10_000;
const TOO_LONG =
  'The walk took over 10 s. Make templates or the timeouts of waits for a condition shorter, or send fewer events.';

const answer = z.strictObject({
  status: z.int().min(100).max(999).default(200),
  headers: z.record(z.string().min(1), z.string()).default({}),
  body: z.json().default({}),
});

const simulateBody = z.strictObject({
  ...tryOutFields,
  definition: z.unknown().optional(),
  events: z
    .array(z.strictObject({ after: durationSchema(), name: z.string().min(1).max(255), data: fields.default({}) }))
    .default([]),
  answers: z.record(z.string(), answer).default({}),
  ignoreEntry: z.boolean().default(false),
});

type Body = z.infer<typeof simulateBody>;
type Dependencies = { db: Db; now: () => Date; cipher: Cipher; destinations: DestinationRules };

/** Walks a campaign for one person as a worker does; nothing is sent or stored. */
export const simulateRoutes = ({ db, now: clock, cipher, destinations }: Dependencies): Route[] => [
  route({
    method: 'post',
    path: '/v1/campaigns/simulate',
    summary: 'Walks a campaign without sending, time skipped',
    scope: 'operate',
    params: noParams,
    query: noQuery,
    body: simulateBody,
    yaml: true,
    examples: [
      {
        campaign: 'close-lead',
        customer: { id: 'ada', name: 'Ada' },
        answers: { 'create-lead': { status: 201, body: { id: 'lead_7' } } },
      },
    ],
    answers: { 200: simulation },
    errors: [
      'campaigns.invalid',
      'campaigns.not_found',
      'people.not_found',
      'people.too_large',
      'events.too_large',
      'render.too_large',
    ],
    handle: async ({ body }) => {
      assertItems(body.events);
      refuseFaults([...oneOf(body, ['campaign', 'definition']), ...oneOf(body, ['person', 'customer'])]);
      const segments = await readSegments(db);
      const { campaign, version, warnings } = await readCampaign(db, body, destinations, [...segments.keys()]);
      refuseFaults(answerFaults(campaign, body));
      const { now = clock() } = body;
      const person = await readSubject(db, body);
      const occasion = occasionOf(campaign.trigger, body, now);
      const facts = factsOf(db, { person, ...occasion, segments, now });
      const entry = await judgeEntry(db, campaign, { person, ...occasion, now, facts });
      const answer = { campaign: campaign.id, version, entry, warnings };
      if (entry.outcome !== 'entered' && !body.ignoreEntry) return { status: 200, body: { ...answer, journey: null } };
      const journey = await simulate({
        ...occasion,
        compiled: compileCampaign(campaign),
        plan: compilePlan(campaign),
        person: { id: person.id, attributes: person.attributes },
        suppressed: person.suppressed,
        secrets: await secretsFor({ db, cipher }, campaign, version !== null),
        answers: answersOf(body),
        rules: destinations,
        facts,
        segments,
        activity: async (at) => (person.key === null ? [] : countActivity(db, person.key, at)),
        events: simulatedEvents(
          body.events.map(({ after, name, data }) => ({ afterMs: parseDurationMs(after), name, data })),
          now,
        ),
        now,
        changed: changedAttributes,
        atBoundary: patience(LONGEST_WALK_MS, TOO_LONG),
      });
      return { status: 200, body: { ...answer, journey: shown(journey) } };
    },
  }),
];

/** What is walked. The version is null where the definition came with the request; `known` are the segments that it may name. */
async function readCampaign(db: Db, body: Body, rules: DestinationRules, known: string[]) {
  if (body.campaign !== undefined) {
    const { campaign, version, state } = await readPublished(db, body.campaign, body.version);
    const idle = state === 'live' ? [] : [`the campaign is ${state}, and nobody enters it`];
    return { campaign, version, warnings: [...warningsOf(campaign), ...idle, ...unheard(campaign, body)] };
  }
  refuseFaults(body.version === undefined ? [] : [{ path: 'version', message: 'is for campaign; leave it out' }]);
  const judge = () => validateCampaign(withId(body.definition), undefined, rules, known);
  const { campaign, warnings } = judgedAt('definition', judge);
  return { campaign, version: null, warnings: [...warnings, ...unheard(campaign, body)] };
}

/** Given events that the campaign does not name but to start: a simulation sees nothing of them. */
function unheard(campaign: Campaign, { events }: Body): string[] {
  const named = sentNames({ ...campaign, trigger: { type: 'manual' } }).flatMap(({ kind, name }) =>
    kind === 'event' ? [name] : [],
  );
  return [...new Set(events.map(({ name }) => name))]
    .filter((name) => !named.includes(name))
    .map(
      (name) =>
        `events: the campaign waits for no "${name}" and asks for none, so it changes nothing${didYouMean(name, named)}`,
    );
}

/** As the relay judges, were the campaign live; the past of somebody who is made up is empty. */
async function judgeEntry(
  db: Db,
  campaign: Campaign,
  { person, event, trigger, now, facts }: { person: Subject; now: Date; facts: Facts } & Occasion,
): Promise<Omit<EntryDecision, 'entry'>> {
  const scope = campaignScope(campaign, { person, event, trigger, journey: { id: SIMULATED.journey }, now });
  const received = event && { timestamp: event.timestamp, receivedAt: now, backfill: false };
  const { key, suppressed } = person;
  const judge = (condition: Condition) => evaluateCondition(condition, scope, now, facts);
  const entrant = { campaignState: 'live', suppressed, event: received, depth: 0, judge } as const;
  const history = async () => (key === null ? undefined : (await entryHistories(db, campaign.id, [key])).get(key));
  const { entry: _entry, ...decided } = await decideEntry(campaign, entrant, { history, now });
  return decided;
}

type Segments = Simulation['segments'];

async function readSegments(db: Db): Promise<Segments> {
  const definitions = await listDefinitions(db);
  return new Map(definitions.map(({ id, condition }) => [id, compileSegment(condition)]));
}

/** What is known when the journey begins: the event that is tried out stands in no table. */
function factsOf(
  db: Db,
  { person, event, segments, now }: { person: Subject; segments: Segments; now: Date } & Occasion,
): Facts {
  const stored = person.key === null ? NO_FACTS : createFacts(db, { personKey: person.key });
  return triedOutFacts(stored, { events: event ? [event] : [], segments, person, now });
}

/** A definition that is only tried out needs no id. */
const withId = (definition: unknown): unknown =>
  typeof definition === 'object' && definition !== null && !Array.isArray(definition)
    ? { id: 'tried-out', ...definition }
    : definition;

function answerFaults(campaign: Campaign, { answers }: Body): InputFault[] {
  const webhooks = allSteps(campaign.steps).flatMap(({ type, id }) => (type === 'webhook' ? [id] : []));
  return Object.keys(answers).flatMap((id) =>
    webhooks.includes(id) ? [] : [{ path: `answers.${id}`, message: `no webhook has this id${hint(id, webhooks)}` }],
  );
}

const answersOf = ({ answers }: Body) =>
  Object.fromEntries(
    Object.entries(answers).map(([step, { status, headers, body }]) => [
      step,
      {
        status,
        headers: Object.fromEntries(Object.entries(headers).map(([name, value]) => [name.toLowerCase(), value])),
        body: typeof body === 'string' ? body : JSON.stringify(body),
      },
    ]),
  );

const shown = ({ state, reason, startedAt, endedAt, log, deliveries, person }: SimulatedJourney) => ({
  state,
  reason,
  startedAt,
  endedAt,
  log: log.map(({ at, step, what, details }) => ({ at, step, what, ...details })),
  deliveries: deliveries.map(({ id, state: of, webhook: step, missing, request, answer: got, mapping, error }) => ({
    id,
    state: of,
    step,
    missing,
    request: request && shownRequest(request),
    answer: got,
    mapping: shownMapping(mapping),
    error,
  })),
  person,
});
