import { eq, sql } from 'drizzle-orm';
import type { Db } from './open.ts';
import { people } from './schema/people.ts';

/**
 * Erases a person: what Postgres has of them goes at once, and a command is left for each workflow that they have had, by which Temporal
 * forgets it. Whoever stores something for them holds their row, so it is stored before, and goes too, or it makes a new person. Answers
 * whether there was anybody.
 */
export function erasePerson(db: Db, id: string): Promise<boolean> {
  return db.transaction(async (tx) => {
    const [person] = await tx.select({ key: people.key }).from(people).where(eq(people.id, id)).for('update');
    if (!person) return false;
    const { key } = person;
    // Journeys, then deliveries, each in the order of ids, as everywhere; a row that is deleted must be held as a whole.
    await tx.execute(sql`select 1 from journeys where person_key = ${key} order by id for update`);
    await tx.execute(sql`select 1 from deliveries where person_key = ${key} order by id for update`);
    await leaveForgets(tx, key);
    const occasions = await lockOccasions(tx, key);
    await tx.delete(people).where(eq(people.key, key));
    await clearOccasions(tx, occasions);
    return true;
  });
}

/** A request that is under way still finishes, and its workflow takes note of it: only then is Temporal told. */
async function leaveForgets(tx: Db, key: string): Promise<void> {
  await tx.execute(sql`
    with own as (
      select id, journey_id is null or decision->>'decision' = 'approve' as has_workflow from deliveries where person_key = ${key}
    ), workflow as (
      select 'journey/' || id || '/' || n as id from journeys, generate_series(1, run) as n where person_key = ${key}
      union all select 'delivery/' || id from own where has_workflow
      union all select 'resend/' || resends.id from resends join own on own.id = delivery_id
    )
    insert into commands (workflow_id, command, lane, leased_until)
    select id, '{"type": "forget"}', 1, (
      select max(in_flight_until) from attempts join own on own.id = delivery_id where class = 'started')
    from workflow order by id`);
}

/** What was sent or triggered along, for this person among others. */
type Occasions = { sends: string[]; broadcasts: string[] };

/** Held, so that of two people who were the last ones the second one finds the first one gone. */
async function lockOccasions(tx: Db, key: string): Promise<Occasions> {
  const sends = await tx.execute<{ id: string }>(sql`
    select id from sends where id in (select send_id from deliveries where person_key = ${key})
    order by id for no key update`);
  const broadcasts = await tx.execute<{ id: string }>(sql`
    select id from broadcasts
    where (audience is null or ended_at is not null) and id in (
      select broadcast_id from outcomes where person_key = ${key}
      union all select subject from inbox where person_key = ${key} and type = 'trigger')
    order by id for no key update`);
  return { sends: sends.map(({ id }) => id), broadcasts: broadcasts.map(({ id }) => id) };
}

/** Data that came for nobody who is left is a part of what is erased. The rows stay: a repeated request must not do it all again. */
async function clearOccasions(tx: Db, { sends, broadcasts }: Occasions): Promise<void> {
  if (sends.length > 0) {
    await tx.execute(sql`
      update sends set data = '{}' where id = any(${sql.param(sends)}::text[]) and not exists (
        select from deliveries where id in (select made->>'id' from jsonb_array_elements(sends.deliveries) as made))`);
  }
  if (broadcasts.length > 0) {
    await tx.execute(sql`
      update broadcasts set data = '{}' where id = any(${sql.param(broadcasts)}::text[])
        and not exists (select from outcomes where broadcast_id = broadcasts.id)
        and not exists (select from inbox where type = 'trigger' and subject = broadcasts.id)`);
  }
}
