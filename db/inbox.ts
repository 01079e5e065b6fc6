import { and, asc, eq, isNull, lte, sql } from 'drizzle-orm';
import type { EntryHistory } from '../domain/campaign/entry.ts';
import type { Db } from './open.ts';
import type { PersonRow } from './people.ts';
import { broadcasts, campaigns, entries, type outcomes, type CampaignState } from './schema/campaigns.ts';
import { journeys } from './schema/journeys.ts';
import { events, inbox, people, waiting } from './schema/people.ts';

export type InboxItem = {
  number: number;
  event: typeof events.$inferSelect | null;
  broadcast: typeof broadcasts.$inferSelect | null;
};

const FAILED_PAUSE = '10 s';

/** People for whom something waits, those with events first, longest due first. A glance without locks: `claimPerson` decides who takes them. */
export async function listWaitingPeople(db: Db, limit: number): Promise<string[]> {
  const rows = await db
    .select({ key: waiting.personKey })
    .from(waiting)
    .where(lte(waiting.dueAt, sql`now()`))
    .orderBy(waiting.lane, waiting.dueAt)
    .limit(limit);
  return rows.map((row) => row.key);
}

/** Locks the person until the transaction ends and reads what waits for them, in order; undefined where another relay has them. */
export async function claimPerson(
  tx: Db,
  key: string,
  limit: number,
): Promise<{ person: PersonRow; items: InboxItem[] } | undefined> {
  // Sent together, run in this order: what waits is read when the person is held.
  const [[person], items] = await Promise.all([
    tx.select().from(people).where(eq(people.key, key)).for('no key update', { skipLocked: true }),
    tx
      .select({ number: inbox.number, event: events, broadcast: broadcasts })
      .from(inbox)
      .leftJoin(events, and(eq(inbox.type, 'event'), eq(events.id, inbox.subject)))
      .leftJoin(broadcasts, and(eq(inbox.type, 'trigger'), eq(broadcasts.id, inbox.subject)))
      .where(eq(inbox.personKey, key))
      .orderBy(asc(inbox.number))
      .limit(limit),
  ]);
  return person && { person, items };
}

export type Candidate = { campaign: string; state: CampaignState; version: number };

/** Campaigns whose current version starts on the event, held `for share`: their state cannot change before the entry is recorded. */
export async function listCandidates(tx: Db, event: string): Promise<Candidate[]> {
  // One table: whoever waits here for a publication judges the new row, and a join would still hold the old version beside it.
  return tx
    .select({ campaign: campaigns.id, state: campaigns.state, version: campaigns.version })
    .from(campaigns)
    .where(eq(campaigns.triggerEvent, event))
    .orderBy(campaigns.id)
    .for('share');
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

/** What the entry rules ask of the past. */
export async function entryHistory(tx: Db, campaign: string, personKey: string): Promise<EntryHistory> {
  const [row] = await tx.execute<{ journey: string | null; at: Date | string | null; active: number }>(sql`
    select earlier.journey_id as journey, earlier.created_at as at,
      (select count(*)::int from ${journeys}
        where campaign_id = ${campaign} and person_key = ${personKey} and ${isNull(journeys.endedAt)}) as active
    from (select) as one left join (
      select journey_id, created_at from ${entries}
      where campaign_id = ${campaign} and person_key = ${personKey} limit 1) as earlier on true`);
  const { journey = null, at = null, active = 0 } = row ?? {};
  return { earlier: journey === null || at === null ? null : { journey, at: new Date(at).toISOString() }, active };
}

export type NewOutcome = Pick<
  typeof outcomes.$inferSelect,
  'cause' | 'campaignId' | 'personKey' | 'version' | 'outcome' | 'reason' | 'values' | 'journeyId'
>;
/** What began the journey, whether it may be the person's only one, and the workflow to start, with how urgent that is. */
export type NewEntry = {
  eventId: string | null;
  broadcastId: string | null;
  once: boolean;
  workflowId: string;
  lane: 0 | 1;
};

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
    select ${entry.workflowId}, jsonb_build_object('type', 'startJourney', 'journey', journey_id), ${entry.lane}::int
    from outcome`);
}

/** Deletes a person's items up to `lastNumber`. Where others may be left, the person lines up again behind everybody of the lane. */
export async function finishItems(
  tx: Db,
  personKey: string,
  { lastNumber, mayHaveMore }: { lastNumber: number; mayHaveMore: boolean },
): Promise<void> {
  const rest = mayHaveMore
    ? sql`update waiting set due_at = now() where person_key = ${personKey}`
    : sql`delete from waiting where person_key = ${personKey}`;
  await tx.execute(sql`
    with done as (delete from inbox where person_key = ${personKey} and number <= ${lastNumber})
    ${rest}`);
}

/** Who could not be matched waits a little, and then in the last lane: however many they are, everybody else goes on. */
export async function postponePerson(db: Db, personKey: string): Promise<void> {
  await db
    .update(waiting)
    .set({ lane: 1, dueAt: sql`now() + ${FAILED_PAUSE}::interval` })
    .where(eq(waiting.personKey, personKey));
}
