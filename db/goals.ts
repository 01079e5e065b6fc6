import { sql, type SQL } from 'drizzle-orm';
import type { Json } from '../domain/json.ts';
import type { Db } from './open.ts';
import type { events } from './schema/people.ts';

type EventRow = typeof events.$inferSelect;

/** A journey that an event concerns, which came after it had begun: it may reach its goal, or it ends for it. */
export type ConcernedJourney = {
  id: string;
  campaignId: string;
  version: number;
  /** Of the broadcast that began it. */
  trigger: Record<string, Json> | null;
  isGoal: boolean;
  isExit: boolean;
};

/**
 * The journeys of a person, who is held, that an event concerns: those whose goal it may be, within its time and for the first time,
 * also when they have ended; and those that run and end for it. Each half has an index with nothing in it where no campaign has such.
 */
export async function listConcernedJourneys(tx: Db, event: EventRow): Promise<ConcernedJourney[]> {
  return tx.execute<ConcernedJourney>(sql`
    select journey.id, journey.campaign_id as "campaignId", journey.version, broadcast.data as trigger,
      bool_or(goal) as "isGoal", bool_or(not goal) as "isExit"
    from (${concernedBy(event.personKey, [event])}) as concerned
    join journeys as journey using (id) left join broadcasts as broadcast on broadcast.id = journey.broadcast_id
    group by journey.id, broadcast.id
    order by journey.id`);
}

/** The journeys that one of these events may concern, at most: twice who may reach its goal and may end. */
function concernedBy(personKey: string, events: EventRow[]): SQL {
  const names = sql`${sql.param([...new Set(events.map(({ name }) => name))])}::text[]`;
  const times = events.flatMap(({ timestamp, receivedAt }) => [timestamp.getTime(), receivedAt.getTime()]);
  const at = new Date(Math.min(...times)).toISOString();
  const number = Math.max(...events.map((event) => event.number));
  return sql`
    select id, true as goal from journeys
    where person_key = ${personKey} and goal_event = any(${names}) and goal_until >= ${at}::timestamptz and entry_position < ${number}
      and not exists (select from conversions where journey_id = journeys.id)
    union all
    select id, false from journeys
    where person_key = ${personKey} and ended_at is null and exit_events <> '{}' and exit_events && ${names}
      and entry_position < ${number}`;
}

/**
 * Holds the journeys of a person, who is held, that have open waits or that these events may concern: all together, in the order of ids, as
 * everywhere. In parts, this and whoever ends or decides several at once could wait for each other.
 */
export async function holdJourneys(tx: Db, personKey: string, events: EventRow[]): Promise<void> {
  const concerned =
    events.length > 0 ? sql`union all select id from (${concernedBy(personKey, events)}) as concerned` : sql``;
  await tx.execute(sql`
    select from journeys
    where id = any(array(
      select journey_id from waits where person_key = ${personKey} and outcome is null
      ${concerned}))
    order by id for no key update`);
}

/**
 * Notes that a journey has reached its goal, once, with a line in its log. `tracking` are the steps of which the last one that was sent
 * is credited, of those that had been tried when the event came. Answers whether it was the first time.
 */
export async function insertConversion(
  tx: Db,
  {
    journey,
    event,
    tracking,
    values,
  }: { journey: ConcernedJourney; event: EventRow; tracking: string[]; values: Json },
): Promise<boolean> {
  const details = JSON.stringify({ event: event.id, name: event.name, values });
  const rows = await tx.execute(sql`
    with converted as (
      insert into conversions (journey_id, campaign_id, person_key, event_id, at, step_id)
      values (${journey.id}, ${journey.campaignId}, ${event.personKey}, ${event.id}, ${event.timestamp.toISOString()}::timestamptz, (
        select step_id from deliveries
        where journey_id = ${journey.id} and state = 'sent' and step_id = any(${sql.param(tracking)}::text[])
          and coalesce(position, 0) < ${event.number}
        order by sent_at desc, id desc limit 1))
      on conflict do nothing
      returning journey_id, step_id
    )
    insert into journey_log (journey_id, step, what, details)
    select journey_id, '', 'converted', ${details}::jsonb || jsonb_build_object('credited', step_id) from converted
    on conflict do nothing
    returning journey_id`);
  return rows.length > 0;
}
