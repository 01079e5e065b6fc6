import { sql, type SQL } from 'drizzle-orm';
import type { Db } from './open.ts';

/** As the index `people_timezone` has it: what is longer is no zone. */
const HAS_ZONE = sql`jsonb_typeof(attributes -> 'timezone') = 'string' and length(attributes ->> 'timezone') <= 64`;

/** What people have as their `timezone`, each once, zones or not. It jumps from one to the next in an index, however many people there are. */
export async function listZones(db: Db): Promise<string[]> {
  const rows = await db.execute<{ zone: string }>(sql`
    with recursive zones (zone) as (
      (select attributes ->> 'timezone' from people where ${HAS_ZONE} order by attributes ->> 'timezone' limit 1)
      union all
      select (
        select attributes ->> 'timezone' from people
        where ${HAS_ZONE} and attributes ->> 'timezone' > zones.zone
        order by attributes ->> 'timezone' limit 1)
      from zones where zone is not null
    )
    select zone from zones where zone is not null`);
  return rows.map(({ zone }) => zone);
}

/** Whether the `timezone` of a row of `people` is one of these spellings. */
export const hasZoneSql = (spellings: string[]): SQL<boolean> =>
  sql`coalesce(${HAS_ZONE} and attributes ->> 'timezone' = any(${sql.param(spellings)}::text[]), false)`;
