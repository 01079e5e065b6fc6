import { sql, type SQL } from 'drizzle-orm';
import type { Db } from './open.ts';
import { idBehind } from './page.ts';
import { iso, SETTLED, TREES_AT_ONCE } from './retention.ts';

/**
 * Deletes journeys of people who are held that ended long ago, with log, waits, deliveries and attempts, and adds them to what the
 * figures of their campaigns count. Not one of which something is still to be decided or sent, or was sent again since, nor one that
 * may still reach its goal.
 */
export const purgeJourneys = (tx: Db, owners: SQL, before: Date) =>
  tx.execute(sql`
    with old as materialized (
      select id, campaign_id, state from journeys j
      where person_key = ${owners} and id < ${idBehind('jrn', before)} and ended_at < ${iso(before)}
        and (goal_until is null or goal_until < ${iso(before)})
        and not exists (
          select from deliveries d
          where d.journey_id = j.id and (
            not ${SETTLED} or d.updated_at >= ${iso(before)}
            or exists (select from resends where delivery_id = d.id and ended_at is null)))
      order by id limit ${TREES_AT_ONCE}
    ), counted as (
      select campaign_id, 'ended' as kind, state as name, '' as state, count(*) as count
      from old group by campaign_id, old.state
      union all
      select campaign_id, 'step', step, '', count(*)
      from old join journey_log on journey_id = old.id where result is not null group by campaign_id, step
      union all
      select old.campaign_id, 'delivery', step_id, d.state, count(*)
      from old join deliveries d on d.journey_id = old.id where step_id is not null
      group by old.campaign_id, step_id, d.state
    ), total as (
      insert into campaign_totals as total (campaign_id, kind, name, state, count)
      select campaign_id, kind, name, state, count from counted order by campaign_id, kind, name, state
      on conflict (campaign_id, kind, name, state) do update set count = total.count + excluded.count
    )
    delete from journeys where id = any(array(select id from old))
    returning 1`);
