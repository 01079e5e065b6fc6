import { sql } from 'drizzle-orm';
import type { Json } from '../domain/json.ts';
import type { Db } from './open.ts';
import { OPEN_STATES, type Actor, type Decision } from './schema/deliveries.ts';

type Exit = {
  reason: string;
  by: Actor | null;
  now: Date;
  /** What the journeys' log says besides. */
  details?: Record<string, Json>;
  /** Whether also what was left open by journeys that have ended already is dropped. */
  leftovers?: boolean;
};

/**
 * Ends journeys where they stand: what is drafted is discarded, what is not sent yet is cancelled, what is under way still finishes.
 * Leaves a command for each of their workflows. Those that have ended already are left as they are. Answers which ones it ended.
 */
export function exitJourneys(
  db: Db,
  ids: string[],
  { reason, by, now, details = {}, leftovers = false }: Exit,
): Promise<string[]> {
  const list = sql`any(${sql.param(ids)}::text[])`;
  const discarded: Decision = {
    by,
    at: now.toISOString(),
    decision: 'discard',
    reason: `its journey ended: ${reason}`,
  };
  return db.transaction(async (tx) => {
    // Sent together, run in this order: people, then journeys, then deliveries, as everywhere.
    const [, , rows] = await Promise.all([
      tx.execute(sql`
        select 1 from people where key in (select person_key from journeys where id = ${list}) order by key for key share`),
      tx.execute(sql`select 1 from journeys where id = ${list} order by id for no key update`),
      tx.execute<{ id: string }>(sql`
        with ended as (
          update journeys
          set state = 'exited', reason = ${reason}, ended_at = clock_timestamp(), updated_at = clock_timestamp()
          where id = ${list} and ended_at is null
          returning id, run
        ), log as (
          insert into journey_log (journey_id, step, what, details)
          select id, '', 'exited', ${JSON.stringify({ reason, by, ...details })}::jsonb from ended
          on conflict do nothing
        ), wait as (
          update waits set outcome = 'exited', closed_at = clock_timestamp()
          where journey_id in (select id from ended) and outcome is null
        ), command as (
          insert into commands (workflow_id, command)
          select 'journey/' || id || '/' || run, jsonb_build_object('type', 'wake', 'subject', id) from ended
        )
        select id from ended`),
    ]);
    const ended = rows.map(({ id }) => id);
    await dropDeliveries(tx, leftovers ? ids : ended, discarded);
    return ended;
  });
}

/** Nothing of these journeys is sent any more. */
async function dropDeliveries(tx: Db, journeys: string[], discarded: Decision): Promise<void> {
  const open = sql`
    select id, state from deliveries
    where journey_id = any(${sql.param(journeys)}::text[]) and state = any(${sql.param(OPEN_STATES)}::text[])`;
  // Sent together, run in this order: whoever held one meanwhile may have put it in line, which only a later statement sees.
  await Promise.all([
    tx.execute(sql`${open} order by id for no key update`),
    tx.execute(sql`
      with open as (${open}
      ), dropped as (
        update deliveries
        set state = case open.state when 'drafted' then 'discarded' else 'cancelled' end,
            decision = case open.state when 'drafted' then ${JSON.stringify(discarded)}::jsonb else decision end,
            -- Approved without having held its journey, it has a workflow of its own, which is to hear of it.
            next_attempt_at = null, mapping = jsonb_set(mapping, '{state}', '"none"'), updated_at = clock_timestamp()
        from open where deliveries.id = open.id
        returning deliveries.id, journey_id, step_id, deliveries.state, open.state <> 'drafted' and decision is not null as approved
      ), line as (
        -- Who is being told to come at this moment is not waited for: its wake, which nobody needs, gives its place up.
        delete from parked where delivery_id in (
          select delivery_id from parked where delivery_id in (select id from dropped) for update skip locked)
      ), pause as (
        delete from paused_deliveries where delivery_id in (select id from dropped)
      ), command as (
        insert into commands (workflow_id, command)
        select 'delivery/' || id, jsonb_build_object('type', 'wake', 'subject', id) from dropped where approved
      )
      insert into journey_log (journey_id, step, what, details)
      select journey_id, step_id, state, jsonb_build_object('delivery', id) from dropped where step_id is not null
      on conflict do nothing`),
  ]);
}
