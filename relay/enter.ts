import { entryRules, type Campaign } from '../domain/campaign/campaign.ts';
import { campaignScope } from '../domain/campaign/campaign-scope.ts';
import { NO_PAST, refuseEntrant, refuseRepeat, type EntryHistory } from '../domain/campaign/entry.ts';
import { parseDurationMs } from '../domain/input/duration.ts';
import { entryHistories, recordOutcomes, type Considered } from '../db/entries.ts';
import { createFacts } from '../db/facts.ts';
import { newId } from '../db/id.ts';
import type { BroadcastRow, Candidate, EventRow } from '../db/inbox.ts';
import type { PersonRow } from '../db/people.ts';
import type { WaitContext } from '../db/wait-judgement.ts';

/** What it takes to match a person's items, in one transaction. */
export type MatchContext = WaitContext;

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
  for (const candidate of candidates) {
    const histories = await entryHistories(context.tx, candidate.campaign, [person.key]);
    await recordOutcomes(context.tx, [await consider(context, person, candidate, occasion, histories.get(person.key))]);
  }
}

/** Decides one entry; nothing is written. */
export async function consider(
  { tx, campaigns, now }: MatchContext,
  person: PersonRow,
  candidate: Candidate,
  { cause, number, event, broadcast, depth }: Occasion,
  history: EntryHistory = NO_PAST,
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
  const { state: campaignState } = candidate;
  const { refusal, values } = await refuseEntrant(campaign, {
    ...{ campaignState, suppressed: person.suppressed, event, depth, scope, now, facts },
  });
  const refused = refusal ?? refuseRepeat(campaign, history, now);
  const about = {
    cause,
    campaignId: candidate.campaign,
    personKey: person.key,
    version: candidate.version,
    broadcastId: broadcast?.id ?? null,
  };
  if (refused) return { ...about, ...refused, entry: null };
  return {
    ...about,
    outcome: 'entered',
    reason: 'entered',
    values,
    entry: {
      journeyId,
      eventId: event?.id ?? null,
      depth,
      position: number,
      once: entryRules(campaign).frequency === 'once',
      lane: broadcast ? 1 : 0,
      ...goalAndExits(campaign, now),
    },
  };
}

/** What finds the journey when an event comes that concerns it. */
const goalAndExits = ({ goal, exit }: Campaign, now: Date) => ({
  goalEvent: goal?.event ?? null,
  goalUntil: goal ? new Date(now.getTime() + parseDurationMs(goal.within)) : null,
  exitEvents: exit?.events ?? [],
});
