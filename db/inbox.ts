import { and, asc, eq, inArray, isNull, sql } from 'drizzle-orm';
import type { Json } from '../domain/json.ts';
import type { Db } from './open.ts';
import type { PersonRow } from './people.ts';
import { broadcasts, campaigns, campaignVersions, entries, outcomes, type CampaignState } from './schema/campaigns.ts';
import { commands, journeys } from './schema/journeys.ts';
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

export type NewOutcome = Omit<typeof outcomes.$inferInsert, 'values'> & { values: Record<string, Json> };
export type NewEntry = { journey: typeof journeys.$inferInsert; cause: string; once: boolean };

/** Records one considered entry, and, where the person enters, journey and start command with it. */
export async function recordOutcome(tx: Db, outcome: NewOutcome, entry: NewEntry | null): Promise<void> {
  const recorded = await tx.insert(outcomes).values(outcome).onConflictDoNothing().returning({ cause: outcomes.cause });
  if (recorded.length === 0 || !entry) return;
  const { journey, cause, once } = entry;
  await Promise.all([
    tx.insert(journeys).values(journey),
    tx.insert(entries).values({
      campaignId: journey.campaignId,
      personKey: journey.personKey,
      cause,
      once,
      journeyId: journey.id,
    }),
    tx.insert(commands).values({
      workflowId: `journey/${journey.id}/1`,
      command: { type: 'startJourney', journey: journey.id },
      lane: journey.broadcastId ? 1 : 0,
    }),
  ]);
}

export async function deleteItems(tx: Db, personKey: string, numbers: number[]): Promise<void> {
  await tx.delete(inbox).where(and(eq(inbox.personKey, personKey), inArray(inbox.number, numbers)));
}
