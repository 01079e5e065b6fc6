import { and, asc, eq, inArray, isNull, sql } from 'drizzle-orm';
import type { Db } from './open.ts';
import type { PersonRow } from './people.ts';
import {
  broadcasts,
  campaigns,
  campaignVersions,
  entries,
  type outcomes,
  type CampaignState,
} from './schema/campaigns.ts';
import { journeys } from './schema/journeys.ts';
import { events, inbox, people } from './schema/people.ts';

export type InboxItem = {
  number: number;
  event: typeof events.$inferSelect | null;
  broadcast: typeof broadcasts.$inferSelect | null;
};

/** People for whom something waits, longest waiting first. A glance without locks: `claimPerson` decides who takes them. */
export async function listWaitingPeople(db: Db, limit: number): Promise<string[]> {
  const rows = await db.execute<{ person_key: string }>(sql`
    select person_key from (select person_key, created_at from inbox order by created_at limit ${limit * 4}) as oldest
    group by person_key order by min(created_at) limit ${limit}`);
  return rows.map((row) => row.person_key);
}

/** Locks the person until the transaction ends and reads what waits for them, in order; undefined where another relay has them. */
export async function claimPerson(
  tx: Db,
  key: string,
  limit: number,
): Promise<{ person: PersonRow; items: InboxItem[] } | undefined> {
  const [person] = await tx.select().from(people).where(eq(people.key, key)).for('no key update', { skipLocked: true });
  if (!person) return undefined;
  const items = await tx
    .select({ number: inbox.number, event: events, broadcast: broadcasts })
    .from(inbox)
    .leftJoin(events, and(eq(inbox.type, 'event'), eq(events.id, inbox.subject)))
    .leftJoin(broadcasts, and(eq(inbox.type, 'trigger'), eq(broadcasts.id, inbox.subject)))
    .where(eq(inbox.personKey, key))
    .orderBy(asc(inbox.number))
    .limit(limit);
  return { person, items };
}

export type Candidate = { campaign: string; state: CampaignState; version: number };

/** Campaigns whose current version starts on the event, held `for share`: their state cannot change before the entry is recorded. */
export async function listCandidates(tx: Db, event: string): Promise<Candidate[]> {
  return tx
    .select({ campaign: campaigns.id, state: campaigns.state, version: campaigns.version })
    .from(campaigns)
    .innerJoin(
      campaignVersions,
      and(eq(campaignVersions.campaignId, campaigns.id), eq(campaignVersions.version, campaigns.version)),
    )
    .where(eq(campaignVersions.triggerEvent, event))
    .orderBy(campaigns.id)
    .for('share', { of: campaigns });
}

/** The campaign of a broadcast, on the version that was current when the broadcast was made; held `for share`. */
export async function candidateOf(tx: Db, broadcast: { campaignId: string; version: number }): Promise<Candidate[]> {
  const rows = await tx
    .select({ campaign: campaigns.id, state: campaigns.state })
    .from(campaigns)
    .where(eq(campaigns.id, broadcast.campaignId))
    .for('share');
  return rows.map((row) => ({ ...row, version: broadcast.version }));
}

/** What the entry rules ask of the past: has the person ever entered, and how many of their journeys still run. */
export async function entryHistory(
  tx: Db,
  campaign: string,
  personKey: string,
): Promise<{ entered: boolean; active: number }> {
  const [row] = await tx.execute<{ entered: boolean; active: number }>(sql`
    select exists (select 1 from ${entries} where campaign_id = ${campaign} and person_key = ${personKey}) as entered,
      (select count(*)::int from ${journeys}
        where campaign_id = ${campaign} and person_key = ${personKey} and ${isNull(journeys.endedAt)}) as active`);
  return row ?? { entered: false, active: 0 };
}

export type NewOutcome = Pick<
  typeof outcomes.$inferSelect,
  'cause' | 'campaignId' | 'personKey' | 'version' | 'outcome' | 'reason' | 'values' | 'journeyId'
>;
/** What began the journey, whether it may be the person's only one, and how urgent its start is. */
export type NewEntry = { eventId: string | null; broadcastId: string | null; once: boolean; lane: 0 | 1 };

/**
 * Records one considered entry and, where the person enters, entry, journey and start command with it, in one statement.
 * An outcome that is there already stays, and then nothing else is written.
 */
export async function recordOutcome(tx: Db, outcome: NewOutcome, entry: NewEntry | null): Promise<void> {
  const { cause, campaignId, personKey, version, journeyId } = outcome;
  const recorded = sql`
    with outcome as (
      insert into outcomes (cause, campaign_id, person_key, version, outcome, reason, values, journey_id)
      values (${cause}, ${campaignId}, ${personKey}, ${version}, ${outcome.outcome}, ${outcome.reason},
              ${JSON.stringify(outcome.values)}::jsonb, ${journeyId})
      on conflict do nothing
      returning cause, campaign_id, person_key, version, journey_id
    )`;
  if (!entry) return void (await tx.execute(sql`${recorded} select from outcome`));
  await tx.execute(sql`${recorded}, journey as (
      insert into journeys (id, campaign_id, version, person_key, event_id, broadcast_id, state)
      select journey_id, campaign_id, version, person_key, ${entry.eventId}, ${entry.broadcastId}, 'starting' from outcome
    ), entry as (
      insert into entries (campaign_id, person_key, cause, once, journey_id)
      select campaign_id, person_key, cause, ${entry.once}::boolean, journey_id from outcome
    )
    insert into commands (workflow_id, command, lane)
    select 'journey/' || journey_id || '/1', jsonb_build_object('type', 'startJourney', 'journey', journey_id), ${entry.lane}::int
    from outcome`);
}

export async function deleteItems(tx: Db, personKey: string, numbers: number[]): Promise<void> {
  await tx.delete(inbox).where(and(eq(inbox.personKey, personKey), inArray(inbox.number, numbers)));
}
