import { sql } from 'drizzle-orm';
import type { Db } from '../../db/open.ts';
import { putPerson } from '../../db/people.ts';
import type { DeliveryState } from '../../db/schema/deliveries.ts';

type Made = { count: number; state: DeliveryState; campaign?: string; person?: string; frozen?: boolean };

/** Writes deliveries `dlv_<campaign>_00001` and so on, that no journey made. */
export async function insertDeliveries(db: Db, made: Made): Promise<string[]> {
  const { count, state, campaign = 'letters', person = 'mary', frozen = false } = made;
  const { key } = await putPerson(db, person, {});
  const rows = await db.execute<{ id: string }>(sql`
    insert into deliveries (id, person_key, campaign_id, version, step_id, state, missing, mapping, timeout_ms, destination, frozen)
    select ${`dlv_${campaign}_`} || lpad(n::text, 5, '0'), ${key}, ${campaign}, 1, 'tell', ${state}, '[]',
      '{"state": "none", "attributes": {}, "error": null}', 4000, 'https://a.example', case when ${frozen} then '\\x00'::bytea end
    from generate_series(1, ${count}::int) as n
    returning id`);
  return rows.map(({ id }) => id);
}
