import { sql } from 'drizzle-orm';
import { newId } from '../../db/id.ts';
import type { Db } from '../../db/open.ts';
import { events, people } from '../../db/schema/people.ts';
import type { Fields, Past } from '../domain/condition/past.ts';

export type Stored = { id: string; attributes: Fields; past?: Past | undefined };

/** Stores people with their pasts and answers their keys, in that order. Segments, campaigns and journeys need not exist. */
export async function storePeople(db: Db, stored: Stored[]): Promise<string[]> {
  const keyed = stored.map((person) => ({ ...person, key: newId('per') }));
  const done = keyed.flatMap(({ key, past }) =>
    (past?.events ?? []).map(({ name, at, data = {} }, index) => {
      const timestamp = new Date(at);
      return { id: newId('evt'), personKey: key, number: index + 1, name, data, timestamp, receivedAt: timestamp };
    }),
  );
  const members = keyed.flatMap(({ key, past }) => (past?.segments ?? []).map((segment) => ({ key, segment })));
  const converted = keyed.flatMap(({ key, past }) => (past?.conversions ?? []).map((one) => ({ key, ...one })));
  await db.transaction(async (tx) => {
    await tx.execute(sql`set local session_replication_role = replica`);
    await tx.insert(people).values(keyed.map(({ key, id, attributes }) => ({ key, id, attributes })));
    if (done.length > 0) await tx.insert(events).values(done);
    await tx.execute(sql`
      insert into segment_members (segment_id, person_key, since)
      select segment, key, now() from jsonb_to_recordset(${JSON.stringify(members)}::jsonb) as m (segment text, key text)`);
    await tx.execute(sql`
      insert into conversions (journey_id, campaign_id, person_key, event_id, at)
      select 'jrn_' || gen_random_uuid(), campaign, key, 'evt_' || gen_random_uuid(), at
      from jsonb_to_recordset(${JSON.stringify(converted)}::jsonb) as c (campaign text, key text, at timestamptz)`);
  });
  return keyed.map(({ key }) => key);
}
