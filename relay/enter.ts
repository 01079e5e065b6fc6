import { campaignScope } from '../domain/campaign/campaign-scope.ts';
import { decideEntry } from '../domain/campaign/decide-entry.ts';
import type { Condition } from '../domain/condition/condition.ts';
import { evaluateCondition } from '../domain/condition/evaluate-condition.ts';
import { entryHistories, recordOutcomes, type Considered } from '../db/entries.ts';
import { createFacts } from '../db/facts.ts';
import { newId } from '../db/id.ts';
import type { Candidate } from '../db/candidates.ts';
import type { BroadcastRow, EventRow } from '../db/inbox.ts';
import type { PersonRow } from '../db/people.ts';
import type { WaitContext } from '../db/wait-judgement.ts';

/** What it takes to match a person's items, in one transaction. */
export type MatchContext = WaitContext & {
  /** Holds all journeys that the items may change, when it is first called: before one is changed, or has reached its goal. */
  holdJourneys: () => Promise<void>;
};

/** Why somebody may enter now. */
export type Occasion = {
  /** As the journey's row has it: `event/<id>`. */
  cause: string;
  /** The place in the person's own order. */
  number: number;
  event: EventRow | null;
  broadcast: BroadcastRow | null;
  /** How many journeys led to it. */
  depth: number;
};

/** Decides for a person, who is held, which of these campaigns they enter, and records each decision. */
export async function considerAll(
  context: MatchContext,
  person: PersonRow,
  candidates: Candidate[],
  occasion: Occasion,
): Promise<void> {
  const considered: Considered[] = [];
  for (const candidate of candidates) considered.push(await consider(context, person, candidate, occasion));
  await recordOutcomes(context.tx, considered);
}

/** Decides one entry; nothing is written. */
async function consider(
  { tx, campaigns, now }: MatchContext,
  person: PersonRow,
  candidate: Candidate,
  { cause, number, event, broadcast, depth }: Occasion,
): Promise<Considered> {
  const { campaign } = await campaigns(tx, candidate.campaign, candidate.version);
  const journeyId = newId('jrn');
  const scope = campaignScope(campaign, {
    person: { id: person.id, attributes: person.attributes },
    event,
    trigger: broadcast?.data ?? null,
    journey: { id: journeyId },
    now,
  });
  // As it was then: what came later is matched later.
  const facts = createFacts(tx, { personKey: person.key, upTo: number });
  const entrant = {
    campaignState: candidate.state,
    suppressed: person.suppressed,
    event,
    depth,
    judge: (condition: Condition) => evaluateCondition(condition, scope, now, facts),
  };
  const { entry, ...decided } = await decideEntry(campaign, entrant, {
    history: async () => (await entryHistories(tx, candidate.campaign, [person.key])).get(person.key),
    now,
  });
  return {
    ...decided,
    cause,
    campaignId: candidate.campaign,
    personKey: person.key,
    version: candidate.version,
    broadcastId: broadcast?.id ?? null,
    entry: entry && {
      ...entry,
      journeyId,
      eventId: event?.id ?? null,
      depth,
      position: number,
      lane: broadcast ? 1 : 0,
    },
  };
}
