import { sql } from 'drizzle-orm';
import { CAMPAIGN_STOPPED } from './campaign-exit.ts';
import type { Db } from './open.ts';

/** Why journeys of a stopped broadcast end that had not begun. */
const REASON = 'the broadcast was stopped';

/** A start that nobody carries: not taken yet, taken by a relay that is gone, or refused by Temporal. */
const FREE = sql`(tries > 0 or leased_until is null or leased_until < clock_timestamp())`;

/**
 * Takes back journeys of a broadcast that have not begun: their starts go, they end, and their people may enter as if it had not
 * been, nor does what they do later convert. One whose start is on its way to Temporal is left, until it has arrived or its lease is
 * over: a workflow that begins after all finds that its journey has ended. Nobody is left who is due later. Answers how many it took, of
 * at most `limit`.
 */
export async function takeBackUnstarted(tx: Db, broadcast: string, limit: number): Promise<number> {
  await tx.execute(sql`delete from due_entries where broadcast_id = ${broadcast} and fired_at is null`);
  const found = await tx.execute<{ id: string }>(sql`
    select command->>'journey' as id from commands
    where broadcast_id = ${broadcast} and ${FREE}
    order by id limit ${limit}`);
  if (found.length === 0) return 0;
  const list = sql`any(${sql.param(found.map(({ id }) => id))}::text[])`;
  // Sent together, run in this order: people, then journeys, as everywhere.
  await Promise.all([
    tx.execute(sql`
      select 1 from people where key in (select person_key from journeys where id = ${list}) order by key for key share`),
    tx.execute(sql`select 1 from journeys where id = ${list} order by id for no key update`),
    tx.execute(sql`
      with taken as (
        delete from commands
        where id in (
          select id from commands
          where broadcast_id = ${broadcast} and command->>'journey' = ${list} and ${FREE}
          for update skip locked)
        returning command->>'journey' as id
      ), ended as (
        update journeys
        set state = 'exited', reason = ${REASON}, ended_at = clock_timestamp(), updated_at = clock_timestamp(),
          goal_event = null, goal_until = null
        where id in (select id from taken) and state = 'starting' and ended_at is null
        returning id, campaign_id, person_key, cause
      ), stopped as (
        -- Ended as its campaign was stopped, before it was its turn here.
        update journeys set goal_event = null, goal_until = null
        where id in (select id from taken) and step_id is null and state = 'exited' and reason = ${CAMPAIGN_STOPPED}
        returning id, campaign_id, person_key, cause
      ), entry as (
        delete from entries using (select * from ended union all select * from stopped) as undone
        where entries.campaign_id = undone.campaign_id and entries.person_key = undone.person_key and entries.cause = undone.cause
          and entries.journey_id = undone.id
      )
      insert into journey_log (journey_id, step, what, details)
      select id, '', 'exited', jsonb_build_object('reason', ${REASON}::text, 'by', null) from ended
      on conflict do nothing`),
  ]);
  return found.length;
}
