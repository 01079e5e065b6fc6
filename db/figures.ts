import { sql } from 'drizzle-orm';
import type { Db } from './open.ts';
import { OPEN_STATES } from './schema/deliveries.ts';

/** How old the first of something is, in seconds; 0 where there is none. */
type Waiting = { count: number; oldestS: number };

/** What an operator watches, as of now: all of it is found along indexes of what is not done yet, or is recent. */
export type Figures = {
  /** People with something to be matched. */
  people: Waiting;
  /** What Temporal has to be told. */
  commands: Waiting;
  /** Tasks for many deliveries. */
  jobs: number;
  /** Journeys that have not ended, by state as the API shows it; those that are stuck in no other. */
  journeys: Record<string, number>;
  /** Deliveries that are not settled, by state. */
  deliveries: Record<string, number>;
  /** Deliveries made in the last five minutes, by what has become of them. */
  recent: Record<string, number>;
  /** By campaign; empty for webhooks that are sent without one. */
  drafts: (Waiting & { campaign: string })[];
  /** Deliveries that wait in line at their destination, by reason. */
  parked: (Waiting & { reason: string })[];
  /** Until when each breaker is open that is not closed. */
  breakers: (Date | null)[];
  /** Attempts of the last five minutes that have ended, by class. */
  attempts: { class: string; count: number; medianS: number; p99S: number }[];
};

const ageS = (column: string) =>
  sql.raw(`coalesce(greatest(extract(epoch from clock_timestamp() - min(${column})), 0), 0)::float8`);

const byState = (rows: Iterable<{ state: string; count: number }>) =>
  Object.fromEntries([...rows].map(({ state, count }) => [state, count]));

const NONE: Waiting = { count: 0, oldestS: 0 };

/** Ids that an attempt and a delivery of five minutes ago would have. */
type Since = { attempt: string; delivery: string };

/**
 * Who could not be matched is put off again and again, and who has much lines up again behind everybody: how long they wait is then
 * told by the first of their items that says when it came.
 */
const LINED_UP_AGAIN = '2 s';

/** One after the other, on one connection: whoever watches keeps nobody from working. */
export async function readFigures(db: Db, since: Since): Promise<Figures> {
  const [people = NONE] = await db.execute<Waiting>(sql`
    select count(*)::int as count, ${ageS('least(waiting.due_at, first.came_at)')} as "oldestS"
    from waiting left join lateral (
      select coalesce(events.received_at, changes.at) as came_at from inbox
      left join events on inbox.type = 'event' and events.id = inbox.subject
      left join attribute_changes as changes
        on inbox.type = 'change' and changes.person_key = inbox.person_key and changes.number = inbox.number
      where inbox.person_key = waiting.person_key and inbox.type in ('event', 'change')
        and waiting.due_at > clock_timestamp() - ${LINED_UP_AGAIN}::interval
      order by inbox.number limit 1
    ) as first on true`);
  const [commands = NONE] = await db.execute<Waiting>(sql`
    select count(*)::int as count, ${ageS('created_at')} as "oldestS" from commands`);
  const [jobs] = await db.execute<{ count: number }>(sql`
    select count(*)::int as count from jobs where ended_at is null`);
  const journeys = await db.execute<{ state: string; count: number }>(sql`
    select case when stuck_since is not null then 'stuck' when state = 'sending' and held.journey_id is not null then 'paused'
      else state end as state, count(*)::int as count
    from journeys left join (
      select journey_id, step_id from deliveries where id in (select delivery_id from paused_deliveries)
    ) as held on held.journey_id = journeys.id and held.step_id = journeys.step_id
    where ended_at is null group by 1`);
  const deliveries = await db.execute<{ state: string; count: number }>(sql`
    select state, count(*)::int as count from deliveries
    where state = any(${sql.param(OPEN_STATES)}::text[]) group by 1`);
  const recent = await db.execute<{ state: string; count: number }>(sql`
    select state, count(*)::int as count from deliveries where id >= ${since.delivery} group by 1`);
  const drafts = await db.execute<Figures['drafts'][number]>(sql`
    select coalesce(campaign_id, '') as campaign, count(*)::int as count, ${ageS('created_at')} as "oldestS"
    from deliveries where state = 'drafted' group by 1 order by 1`);
  const parked = await db.execute<Figures['parked'][number]>(sql`
    select reason, count(*)::int as count, ${ageS('since')} as "oldestS" from parked group by 1`);
  const breakers = await db.execute<{ until: string }>(sql`
    select open_until as until from destinations where open_until is not null`);
  const attempts = await db.execute<Figures['attempts'][number]>(sql`
    select class, count(*)::int as count,
      coalesce(percentile_cont(0.5) within group (order by duration_ms) / 1000, 0)::float8 as "medianS",
      coalesce(percentile_cont(0.99) within group (order by duration_ms) / 1000, 0)::float8 as "p99S"
    from attempts where id >= ${since.attempt} and class <> 'started' group by 1`);
  return {
    people,
    commands,
    jobs: jobs?.count ?? 0,
    journeys: byState(journeys),
    deliveries: byState(deliveries),
    recent: byState(recent),
    drafts: [...drafts],
    parked: [...parked],
    breakers: breakers.map(({ until }) => new Date(until)),
    attempts: [...attempts],
  };
}
