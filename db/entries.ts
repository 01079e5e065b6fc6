import { sql } from 'drizzle-orm';
import type { EntryHistory } from '../domain/campaign/entry.ts';
import type { Db } from './open.ts';
import type { outcomes } from './schema/campaigns.ts';
import type { journeys } from './schema/journeys.ts';

type HistoryRow = { person_key: string; journey: string | null; ms: number | null; active: number; last_hour: number };

/** What the entry rules ask of the past of each of these people. Who has left with a stopped campaign is not inside any more, though it may take a while to end. */
export async function entryHistories(
  tx: Db,
  campaign: string,
  personKeys: string[],
): Promise<Map<string, EntryHistory>> {
  const rows = await tx.execute<HistoryRow>(sql`
    select person_key, latest.journey_id as journey, extract(epoch from latest.created_at)::float8 * 1000 as ms,
      (select count(*)::int from journeys j
        where j.campaign_id = ${campaign} and j.person_key = person.person_key and ended_at is null
          and j.created_at > coalesce((select exit_before from campaigns where id = ${campaign}), '-infinity')) as active,
      (select count(*)::int from entries e
        where e.campaign_id = ${campaign} and e.person_key = person.person_key
          and created_at > clock_timestamp() - interval '1 h') as last_hour
    from unnest(${sql.param(personKeys)}::text[]) as person (person_key)
    left join lateral (
      select journey_id, created_at from entries e
      where e.campaign_id = ${campaign} and e.person_key = person.person_key
      order by created_at desc limit 1) as latest on true`);
  return new Map(
    rows.map(({ person_key: key, journey, ms, active, last_hour: lastHour }) => [
      key,
      {
        latest: journey === null || ms === null ? null : { journey, at: new Date(ms).toISOString() },
        active,
        lastHour,
      },
    ]),
  );
}

/** An entry that was considered, with the values that decided; `entry` is there where the person enters. */
export type Considered = Pick<
  typeof outcomes.$inferSelect,
  'cause' | 'campaignId' | 'personKey' | 'version' | 'outcome' | 'reason' | 'values' | 'broadcastId'
> & { entry: NewEntry | null };

/** A journey that begins, whether it may be the person's only one, and how urgent its start is. */
export type NewEntry = Pick<
  typeof journeys.$inferSelect,
  'eventId' | 'depth' | 'position' | 'goalEvent' | 'goalUntil' | 'exitEvents'
> & { journeyId: string; once: boolean; lane: 0 | 1 };

/**
 * Records considered entries of people who are held and, where somebody enters, entry, journey and start command, in one
 * statement, at one time. An outcome that is there already stays, and then nothing else is written for it; nor for a cause of which somebody
 * entered so long ago that only the entry is left.
 */
export async function recordOutcomes(tx: Db, considered: Considered[]): Promise<void> {
  if (considered.length === 0) return;
  const rows = considered.map(({ entry, ...outcome }) => ({ ...outcome, ...entry }));
  await tx.execute(sql`
    with input as (
      select * from jsonb_to_recordset(${JSON.stringify(rows)}::jsonb) as row (
        cause text, "campaignId" text, "personKey" text, version int, outcome text, reason text, "values" jsonb, "broadcastId" text,
        "journeyId" text, "eventId" text, depth int, position bigint, "goalEvent" text, "goalUntil" timestamptz,
        "exitEvents" text[], once boolean, lane int)
    ), fresh as (
      insert into outcomes (cause, campaign_id, person_key, version, outcome, reason, values, journey_id, broadcast_id, at)
      select cause, "campaignId", "personKey", version, outcome, reason, "values", "journeyId", "broadcastId", (select clock_timestamp()) from input
      where not exists (
        select from entries e where e.campaign_id = "campaignId" and e.person_key = "personKey" and e.cause = input.cause)
      on conflict do nothing
      returning cause, campaign_id, person_key
    ), entered as (
      select input.* from input
      join fresh on fresh.cause = input.cause and campaign_id = "campaignId" and person_key = "personKey"
      where "journeyId" is not null
    ), journey as (
      insert into journeys (
        id, campaign_id, version, person_key, cause, event_id, broadcast_id, depth, entry_position, position, goal_event, goal_until, exit_events, state)
      select "journeyId", "campaignId", version, "personKey", cause, "eventId", "broadcastId", depth, position, position, "goalEvent",
        "goalUntil", "exitEvents", 'starting'
      from entered
    ), entry as (
      insert into entries (campaign_id, person_key, cause, once, journey_id)
      select "campaignId", "personKey", cause, once, "journeyId" from entered
    )
    insert into commands (workflow_id, command, lane, broadcast_id)
    select 'journey/' || "journeyId" || '/1', jsonb_build_object('type', 'startJourney', 'journey', "journeyId"), lane, "broadcastId"
    from entered`);
}
