import { setTimeout as pause } from 'node:timers/promises';
import { ApplicationFailure } from '@temporalio/common';
import type { Cipher } from '../db/cipher.ts';
import { insertDelivery, lockDelivery } from '../db/deliveries.ts';
import { countActivity } from '../db/activity.ts';
import { createFacts } from '../db/facts.ts';
import { renderedColumns } from '../db/frozen-request.ts';
import { newId } from '../db/id.ts';
import { isBehind } from '../db/inbox.ts';
import { lockJourneyAt, recordStep, type JourneyRow } from '../db/journeys.ts';
import type { Db } from '../db/open.ts';
import type { PersonRow } from '../db/people.ts';
import type { JourneyState } from '../db/schema/journeys.ts';
import type { VersionCache } from '../db/version-cache.ts';
import type { CompiledCampaign } from '../domain/campaign/compiled-campaign.ts';
import { endingEvents } from '../domain/campaign/decide-entry.ts';
import type { Facts } from '../domain/condition/evaluate-condition.ts';
import { decide } from '../domain/journey/decide.ts';
import { DECISION, type AtStep, type StartedWait } from '../domain/journey/decision.ts';
import { judgeWait } from '../domain/journey/judge-wait.ts';
import type { RenderedDelivery } from '../domain/journey/render-delivery.ts';
import type { PlanStep, Prepared } from '../domain/walk.ts';
import { readJourneyInput, usableSecrets, type ScopeContext } from '../db/journey-scope.ts';
import { campaignScope } from '../domain/campaign/campaign-scope.ts';
import { insertSplitChoice, insertWait, positionBehind } from '../db/waits.ts';
import { lookAtWait, type WaitContext } from '../db/wait-judgement.ts';
import { attributesOf, woken, type Left } from './set-attributes.ts';

export type PrepareInput = { journey: string; step: string; type: PlanStep['type'] };

type Dependencies = {
  db: Db;
  cipher: Cipher;
  now: () => Date;
  campaigns: VersionCache<CompiledCampaign>;
  /** Tells the relays that something was stored. */
  wakeInbox: () => void;
};

/**
 * Evaluates, renders and freezes what a step needs, in one transaction under the key (journey, step): a repeat answers what
 * was decided the first time. A journey whose person was erased is told to end.
 */
export function createPrepare({ db, cipher, now, campaigns, wakeInbox }: Dependencies) {
  const prepare = ({ journey, step: id, type }: PrepareInput, seen: Seen): Promise<Prepared> =>
    woken(wakeInbox, (left) =>
      db.transaction(async (tx): Promise<Prepared> => {
        const at = await lockJourneyAt(tx, { journey, step: id }, { lockPerson: HOLDS_PERSON.has(type) });
        if (!at) return { type: 'ended', reason: 'the person was erased' };
        if (at.journey.endedAt) return { type: 'ended', reason: ENDED };
        const context = { tx, cipher, campaigns, now: now(), judgeWait };
        if (at.decided?.result) return asOfNow(context, journey, id, at.decided.result);
        const compiled = await campaigns(tx, at.journey.campaignId, at.journey.version);
        await untilMatched(tx, at.person, seen, notToOvertake(type, at.journey, compiled));
        const position = compiled.waits ? await positionBehind(tx, at.journey) : at.journey.position;
        const step = inPostgres({ ...context, at, compiled, position, left, seen }, id);
        const { prepared, details, what = DECISION[type], until = null } = await decide(compiled.step(id), step);
        const state = stateAfter(prepared, type) ?? at.journey.state;
        await recordStep(tx, journey, { id, type, state, until, position }, { what, details, result: prepared });
        return asOfNow(context, journey, id, prepared);
      }),
    );
  return async (input: PrepareInput): Promise<Prepared> => {
    const seen: Seen = {};
    for (const pauseMs of PAUSES_MS) {
      try {
        return await prepare(input, seen);
      } catch (error) {
        if (!(error instanceof NotMatched)) throw error;
      }
      await pause(pauseMs);
    }
    // Longer than the pauses in which a workflow task is kept open for it.
    throw ApplicationFailure.create({ message: NOT_MATCHED, nextRetryDelay: LOOK_LATER_MS });
  };
}

export const NOT_MATCHED = 'the relay has still to match what was stored for the person';
/** The relay mostly takes some milliseconds. */
const PAUSES_MS = [10, 20, 40, 80, 160, 320, 640];
const LOOK_LATER_MS = 10_000;

class NotMatched extends Error {}

/** The person at the first look, and the place up to which the relay is waited for: what comes later waits for nobody. */
type Seen = { person?: PersonRow };

/** As the person was seen first: by then everything had a lower number that is waited for. */
const firstSeen = (seen: Seen, person: PersonRow): PersonRow =>
  seen.person?.key === person.key ? seen.person : (seen.person = person);

/** Throws while the relay has still to match something that was there at first: with `events` only those of these names. */
async function untilMatched(tx: Db, person: PersonRow, seen: Seen, events?: string[]): Promise<void> {
  if (events?.length === 0) return;
  const { key, lastNumber } = firstSeen(seen, person);
  if (await isBehind(tx, key, lastNumber, events && { events })) throw new NotMatched(NOT_MATCHED);
}

/**
 * Events that a step does not overtake where they came before it. Only the relay ends a journey by one, and notes that it has converted:
 * from then on no variant that it takes is counted.
 */
function notToOvertake(type: PlanStep['type'], journey: JourneyRow, { campaign }: CompiledCampaign): string[] {
  if (ACTS.has(type)) return endingEvents(journey, campaign);
  return type === 'split' && journey.goalEvent !== null ? [journey.goalEvent] : [];
}

/** Only the relay brings people into segments and notes conversions: they are asked about once it has seen what was there at first. */
function matchedFacts(tx: Db, person: PersonRow, seen: Seen): Facts {
  const facts = createFacts(tx, { personKey: person.key });
  // Once, however many segments are asked about.
  let looked: Promise<void> | undefined;
  const matched = () => (looked ??= untilMatched(tx, person, seen));
  return {
    ...facts,
    inSegment: (segment) => matched().then(() => facts.inSegment(segment)),
    countConversions: (query) => matched().then(() => facts.countConversions(query)),
  };
}

/** Steps that do something which cannot be taken back. */
const ACTS = new Set<PlanStep['type']>(['webhook', 'update']);

/** Steps that change the person, or begin to wait for what is stored for them. */
const HOLDS_PERSON = new Set<PlanStep['type']>(['update', 'wait', 'delay']);

/** Why it ended stands in Postgres, perhaps in an operator's words: nothing personal goes to Temporal. */
const ENDED = 'its journey has ended';

/** A draft that was decided meanwhile holds nobody any more, nor does a wait whose event has come. */
async function asOfNow(context: WaitContext, journey: string, step: string, prepared: Prepared): Promise<Prepared> {
  if (prepared.type === 'wait') return { type: 'wait', ...(await lookAtWait(context, journey, step)) };
  if (prepared.type !== 'webhook' || !prepared.held) return prepared;
  const delivery = await lockDelivery(context.tx, prepared.delivery);
  const { held: _held, ...free } = prepared;
  return delivery?.state === 'drafted' ? prepared : free;
}

/** Where a journey stands after a decision, also where a delay is kept as a wait, as it may move; undefined: where it stood. */
function stateAfter(prepared: Prepared, step: PrepareInput['type']): JourneyState | undefined {
  if (prepared.type === 'delay') return 'delayed';
  if (prepared.type === 'wait') return step === 'delay' ? 'delayed' : 'waiting';
  if (prepared.type !== 'webhook') return undefined;
  return prepared.held ? 'awaitingApproval' : 'sending';
}

type Here = ScopeContext & { position: number; left: Left; seen: Seen };

const inPostgres = (context: Here, step: string): AtStep => ({
  compiled: context.compiled,
  now: context.now,
  person: context.at.person.id,
  suppressed: context.at.person.suppressed,
  scope: async () =>
    campaignScope(context.compiled.campaign, {
      ...(await readJourneyInput(context)),
      secrets: await usableSecrets(context),
    }),
  attributes: context.at.person.attributes,
  activity: () => countActivity(context.tx, context.at.person.key, context.now),
  facts: matchedFacts(context.tx, context.at.person, context.seen),
  setAttributes: attributesOf(
    context.tx,
    context.at.person,
    { type: 'update', journey: context.at.journey.id, step },
    { journey: context.at.journey.id, left: context.left },
  ),
  newDeliveryId: () => newId('dlv'),
  keepDelivery: (delivery) => keepDelivery(context, delivery),
  keepWait: (wait) => keepWait(context, wait),
  keepChoice: ({ split, variant }) => {
    const { id: journeyId, personKey, campaignId } = context.at.journey;
    return insertSplitChoice(context.tx, { journeyId, personKey, campaignId, splitId: split, variant });
  },
});

async function keepWait({ tx, at: { journey }, position, now }: Here, { step, sinceEntry, ...wait }: StartedWait) {
  const since = sinceEntry ? journey.entryPosition : position;
  const { id: journeyId, personKey } = journey;
  await insertWait(tx, { ...wait, journeyId, stepId: step, personKey, since, createdAt: now });
}

function keepDelivery({ tx, cipher, at: { journey } }: ScopeContext, rendered: RenderedDelivery): Promise<void> {
  return insertDelivery(tx, {
    ...renderedColumns(cipher, rendered),
    personKey: journey.personKey,
    journeyId: journey.id,
    campaignId: journey.campaignId,
    version: journey.version,
    stepId: rendered.webhook,
  });
}
