import { sql } from 'drizzle-orm';
import type { Db } from './open.ts';

/**
 * Moves what was stored for one person to another, both held, in one order of numbers. What is old comes before all that the other
 * has, with numbers below theirs. From where a running journey of either may still look on, both are numbered anew, by the time at which
 * each thing was stored; what waits to be matched comes last. Places of running journeys move along: each sees what it would have seen,
 * and nothing of the other person that was stored before.
 */
export async function mergeOrders(tx: Db, from: string, into: string): Promise<void> {
  const both = sql`(${from}, ${into})`;
  await tx.execute(sql`
    with item as materialized (
      select person_key, number, received_at as at from events where person_key in ${both}
      union all select person_key, number, at from attribute_changes where person_key in ${both}
      union all select person_key, number, null from inbox where person_key in ${both} and type not in ('event', 'change')
    ), base as materialized (
      select max(last_number) as last, max(last_number) filter (where key = ${from}) as from_last,
        (select least(min(number), 1) from item where person_key = ${into}) as into_first
      from people where key in ${both}
    ), unmatched as (
      select person_key, min(number) as first from inbox where person_key in ${both} group by person_key
    ), open as (
      select id, person_key, entry_position from journeys where person_key in ${both} and ended_at is null
    ), since as materialized (
      -- When the first thing was stored that a running journey may not have seen.
      select min(at) as at from item
      join (select person_key, min(entry_position) as place from open group by person_key) as seen using (person_key)
      where number > place
    ), tail as (
      select person_key, min(number) as first from item left join unmatched using (person_key)
      where at >= (select at from since) or number >= unmatched.first
      group by person_key
    ), ordered as (
      select person_key, number, coalesce(number >= unmatched.first, false) as waits,
        -- Within one person numbers decide, whatever the clock says.
        max(at) over (partition by person_key order by number) as at
      from item join tail using (person_key) left join unmatched using (person_key)
      where number >= tail.first
    ), place as materialized (
      select person_key, number as was, waits,
        (select last from base) + row_number() over (
          order by waits, case when not waits then at end, person_key = ${from}, number) as number
      from ordered
    ), finish as materialized (
      select (select last from base) + count(*) as last, (select last from base) + count(*) filter (where not waits) as matched
      from place
    ), moved as materialized (
      select person_key, was, number from place
      union all
      select person_key, number, number + (select into_first - 1 - from_last from base)
      from item left join tail using (person_key)
      where person_key = ${from} and (tail.first is null or number < tail.first)
    ), event as (
      update events set person_key = ${into}, number = moved.number
      from moved where moved.person_key = events.person_key and was = events.number
    ), change as (
      update attribute_changes as c set person_key = ${into}, number = moved.number
      from moved where moved.person_key = c.person_key and was = c.number
    ), still as (
      update inbox set person_key = ${into}, number = moved.number
      from moved where moved.person_key = inbox.person_key and was = inbox.number
    ), seen as materialized (
      -- Each place that a running journey remembers, and the new one.
      select person_key, was, (
        select greatest(
          least(min(number) filter (where place.was > old.was) - 1, (select matched from finish)),
          max(number) filter (where place.was <= old.was))
        from place where place.person_key = old.person_key) as number
      from (
        select person_key, entry_position as was from open
        union select journeys.person_key, position from journeys join open using (id)
        union select open.person_key, since from waits join open on open.id = journey_id
        union select open.person_key, position from waits join open on open.id = journey_id where position is not null
        union select open.person_key, position from deliveries join open on open.id = journey_id where position is not null
      ) as old
    ), journey as (
      update journeys as j set
        entry_position = (select number from seen where person_key = j.person_key and was = j.entry_position),
        position = (select number from seen where person_key = j.person_key and was = j.position)
      from open where open.id = j.id
    ), wait as (
      update waits as w set
        since = (select number from seen where person_key = open.person_key and was = w.since),
        position = (select number from seen where person_key = open.person_key and was = w.position)
      from open where open.id = w.journey_id
    ), delivery as (
      update deliveries as d set position = (select number from seen where person_key = open.person_key and was = d.position)
      from open where open.id = d.journey_id and d.position is not null
    )
    update people set last_number = (select last from finish) where key = ${into}`);
}
