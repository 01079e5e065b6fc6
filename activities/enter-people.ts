import type { CompiledCampaign } from '../domain/campaign/compiled-campaign.ts';
import { campaignScope } from '../domain/campaign/campaign-scope.ts';
import { decideEntry } from '../domain/campaign/decide-entry.ts';
import type { EntryHistory } from '../domain/campaign/entry.ts';
import { judge } from '../domain/condition/evaluate-condition.ts';
import { NO_FACTS } from '../domain/condition/facts.ts';
import { withData, type Predicate } from '../domain/condition/predicate.ts';
import { questionsOf, withAnswers, type Answer, type Question } from '../domain/condition/questions.ts';
import { entryHistories, recordOutcomes, type Considered } from '../db/entries.ts';
import { readAnswers } from '../db/facts.ts';
import { newId } from '../db/id.ts';
import type { Candidate } from '../db/candidates.ts';
import { listUntold, type BroadcastRow } from '../db/inbox.ts';
import type { Db } from '../db/open.ts';
import type { PersonRow } from '../db/people.ts';

export type Entering = {
  broadcast: BroadcastRow;
  compiled: CompiledCampaign;
  /** The campaign's own audience, as it is asked of each person. */
  audience: Predicate | null;
  /** The campaign, held. */
  candidate: Candidate;
  now: Date;
};

/** Decides which of these people, who are held, enter by a broadcast, and records it: few statements, however many people. */
export async function enterPeople(tx: Db, entering: Entering, people: PersonRow[]): Promise<void> {
  const { audience, candidate, compiled } = entering;
  const { trigger } = compiled.campaign;
  const keys = people.map(({ key }) => key);
  const [histories, answers, untold] = await Promise.all([
    entryHistories(tx, candidate.campaign, keys),
    readAnswers(tx, audience ? questionsOf(audience) : [], keys),
    trigger.type === 'segment' ? listUntold(tx, trigger, keys) : new Map<string, string>(),
  ]);
  const considered = people
    .filter(({ key }) => !hasEnteredSince(entering, histories.get(key)))
    .map((person) =>
      consider(entering, person, {
        // Who has come to the segment, and is still to be told of, enters for that: once, whichever is first.
        cause: untold.get(person.key) ?? causeOf(entering.broadcast),
        history: histories.get(person.key),
        answers: answers.get(person.key) ?? new Map(),
      }),
    );
  await recordOutcomes(tx, await Promise.all(considered));
}

/** Today's members of a segment were meant: who came to it since the start has entered by that change. */
const hasEnteredSince = ({ broadcast, compiled }: Entering, history: EntryHistory | undefined) =>
  compiled.campaign.trigger.type === 'segment' &&
  history?.latest !== undefined &&
  history.latest !== null &&
  Date.parse(history.latest.at) >= broadcast.createdAt.getTime();

/** What the people of a broadcast enter for: for one occurrence of a schedule once, in whichever zone they are found. */
const causeOf = ({ id, occurrence }: BroadcastRow) =>
  occurrence === null ? `broadcast/${id}` : `schedule/${occurrence}`;

async function consider(
  { broadcast, compiled: { campaign }, audience, candidate, now }: Entering,
  { id, key, attributes, suppressed, lastNumber }: PersonRow,
  past: { cause: string; history: EntryHistory | undefined; answers: Map<Question, Answer> },
): Promise<Considered> {
  const journeyId = newId('jrn');
  const scope = campaignScope(campaign, {
    person: { id, attributes },
    trigger: broadcast.data,
    journey: { id: journeyId },
    now,
  });
  // Where there is no event, the audience is all that is asked.
  const asked = audience ? withData(withAnswers(audience, past.answers), scope) : NOTHING_ASKED;
  const entrant = {
    campaignState: candidate.state,
    suppressed,
    event: null,
    depth: 0,
    judge: () => judge(asked, NO_FACTS),
  };
  const { entry, ...decided } = await decideEntry(campaign, entrant, { history: async () => past.history, now });
  return {
    ...decided,
    cause: past.cause,
    campaignId: candidate.campaign,
    personKey: key,
    version: candidate.version,
    broadcastId: broadcast.id,
    entry: entry && { ...entry, journeyId, eventId: null, depth: 0, position: lastNumber, lane: 1 },
  };
}

const NOTHING_ASKED: Predicate = { type: 'all', parts: [] };
