import { entryRules, type Campaign } from '../domain/campaign/campaign.ts';
import { refuseEntrant, refuseRepeat } from '../domain/campaign/entry.ts';
import { buildScope } from '../domain/scope.ts';
import { createFacts } from '../db/facts.ts';
import { newId } from '../db/id.ts';
import {
  candidateOf,
  claimPerson,
  entryHistory,
  finishItems,
  listCandidates,
  recordOutcome,
  type Candidate,
  type InboxItem,
} from '../db/inbox.ts';
import type { Db } from '../db/open.ts';
import type { PersonRow } from '../db/people.ts';
import { findVersion } from '../db/campaigns.ts';
import { createVersionCache, type VersionCache } from '../db/version-cache.ts';
import { journeyWorkflowId } from '../workflows/messages.ts';

const ITEMS_AT_ONCE = 100;

/** Matches what waits for one person, in order, in one transaction. Answers how many items it took; 0 where another relay has the person. */
export type MatchPerson = (key: string) => Promise<number>;

export function createMatcher({ db, now }: { db: Db; now: () => Date }): MatchPerson {
  const versions = createVersionCache(findVersion, (campaign) => campaign);
  return (key) =>
    db.transaction(async (tx) => {
      const claimed = await claimPerson(tx, key, ITEMS_AT_ONCE);
      if (!claimed) return 0;
      const { person, items } = claimed;
      for (const item of items) await matchItem({ tx, versions, now: now() }, person, item);
      await finishItems(tx, key, {
        lastNumber: items.at(-1)?.number ?? 0,
        mayHaveMore: items.length === ITEMS_AT_ONCE,
      });
      return items.length;
    });
}

type Context = { tx: Db; versions: VersionCache<Campaign>; now: Date };

async function matchItem(context: Context, person: PersonRow, item: InboxItem): Promise<void> {
  if (item.event) {
    for (const candidate of await listCandidates(context.tx, item.event.name)) {
      await consider(context, person, item, candidate, `event/${item.event.id}`);
    }
  } else if (item.broadcast) {
    for (const candidate of await candidateOf(context.tx, item.broadcast)) {
      await consider(context, person, item, candidate, `broadcast/${item.broadcast.id}`);
    }
  }
}

/** Decides one entry and records it: outcome, and where the person enters, the entry, the journey and the command that starts it. */
async function consider(
  { tx, versions, now }: Context,
  person: PersonRow,
  { number, event, broadcast }: InboxItem,
  candidate: Candidate,
  cause: string,
): Promise<void> {
  const campaign = await versions(tx, candidate.campaign, candidate.version);
  const journeyId = newId('jrn');
  const scope = buildScope({
    person: { id: person.id, attributes: person.attributes },
    event,
    trigger: broadcast?.data ?? null,
    campaign: { id: candidate.campaign, name: campaign.name ?? campaign.id },
    journey: { id: journeyId },
    now,
    timezone: campaign.timezone,
  });
  const { refusal, values } = await refuseEntrant(campaign, {
    campaignState: candidate.state,
    suppressed: person.suppressed,
    event,
    scope,
    now,
    // As it was then: what came later is matched later.
    facts: createFacts(tx, { personKey: person.key, upTo: number }),
  });
  const refused = refusal ?? refuseRepeat(campaign, await entryHistory(tx, candidate.campaign, person.key));
  const about = { cause, campaignId: candidate.campaign, personKey: person.key, version: candidate.version };
  if (refused) return recordOutcome(tx, { ...about, ...refused, journeyId: null }, null);
  const entered = { ...about, outcome: 'entered' as const, reason: 'entered', values, journeyId };
  await recordOutcome(tx, entered, {
    eventId: event?.id ?? null,
    broadcastId: broadcast?.id ?? null,
    once: entryRules(campaign).once,
    workflowId: journeyWorkflowId(journeyId, 1),
    lane: broadcast ? 1 : 0,
  });
}
