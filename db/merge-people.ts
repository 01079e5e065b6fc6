import { and, eq, inArray, sql } from 'drizzle-orm';
import type { unfitSegments } from '../domain/segment/unfit-segments.ts';
import { createFacts } from './facts.ts';
import { mergeOrders } from './merge-order.ts';
import type { Db } from './open.ts';
import { changeAttributes, type PersonRow } from './people.ts';
import { people } from './schema/people.ts';
import { segmentMembers } from './schema/segments.ts';
import { listDefinitions } from './segments.ts';

/** Which of some segments somebody does not belong to. */
type UnfitOf = typeof unfitSegments;

export type MergeResult = PersonRow | 'nobody' | 'noInto';

/**
 * Makes one person of two: all that is the first one's becomes the other's, whose own wins where only one can be, and the first one is
 * gone. Throws `people.too_large` where their attributes together are too much; nothing is merged then.
 */
export async function mergePeople(db: Db, id: string, into: string, unfitOf: UnfitOf): Promise<MergeResult> {
  // Neither is waited for while the other is held: whoever locks several people may do so in whichever order.
  for (let first = id; ; first = first === id ? into : id) {
    try {
      return await db.transaction((tx) => merge(tx, { id, into, first }, unfitOf));
    } catch (error) {
      if (error !== BUSY) throw error;
    }
  }
}

/** Thrown, not answered: within another transaction only what is rolled back lets go of the row that is held. */
const BUSY = new Error('one of the people is held by somebody else');

async function merge(
  tx: Db,
  named: { id: string; into: string; first: string },
  unfitOf: UnfitOf,
): Promise<MergeResult> {
  const held = await lockBoth(tx, named);
  if (typeof held === 'string') return held;
  const { from, into } = held;
  await lockDoings(tx, from.key, into.key);
  await dropItems(tx, from.key, into.key);
  const brought = await listBrought(tx, from.key, into.key);
  await mergeOrders(tx, from.key, into.key);
  await markCauses(tx, from.key, into.key);
  await moveRows(tx, from.key, into.key);
  await tx.delete(people).where(eq(people.key, from.key));
  const merged = await mergeAttributes(tx, from, into.key);
  await dropUnfit(tx, merged, brought, unfitOf);
  return merged;
}

type Both = { from: PersonRow; into: PersonRow };

/** As a whole: nothing may be stored for either of them meanwhile. */
async function lockBoth(
  tx: Db,
  { id, into, first }: { id: string; into: string; first: string },
): Promise<Both | 'nobody' | 'noInto'> {
  const second = first === id ? into : id;
  const missing = (which: string) => (which === id ? 'nobody' : 'noInto');
  const [one] = await tx.select().from(people).where(eq(people.id, first)).for('update');
  if (!one) return missing(first);
  const [other] = await tx.select().from(people).where(eq(people.id, second)).for('update', { skipLocked: true });
  if (other) return first === id ? { from: one, into: other } : { from: other, into: one };
  const there = await tx.select({ key: people.key }).from(people).where(eq(people.id, second));
  if (there.length > 0) throw BUSY;
  return missing(second);
}

/** Journeys, then deliveries, each in the order of ids, as everywhere. */
async function lockDoings(tx: Db, from: string, into: string): Promise<void> {
  const journeys = sql`journeys where person_key = ${from} or (person_key = ${into} and ended_at is null)`;
  await tx.execute(sql`select 1 from ${journeys} order by id for no key update`);
  await tx.execute(sql`
    select 1 from deliveries where person_key = ${from} or journey_id in (select id from ${journeys})
    order by id for no key update`);
}

/** What waits to be matched for the one and is none for both: what the other has gone through already, or is a member of. */
async function dropItems(tx: Db, from: string, into: string): Promise<void> {
  await tx.execute(sql`
    delete from inbox where person_key = ${from} and (
      type = 'recheck'
      or type = 'due' and exists (
        select from due_entries
        where person_key = ${into} and campaign_id || '/' || occurrence = subject)
      or type = 'segment' and exists (
        select from segment_members
        where person_key = ${into} and segment_id = split_part(subject, '/', 1)))`);
}

/** The segments that the one brings along, as has been told already. */
async function listBrought(tx: Db, from: string, into: string): Promise<string[]> {
  const rows = await tx.execute<{ segment: string }>(sql`
    select segment_id as segment from segment_members as own where person_key = ${from}
      and not exists (select from segment_members where person_key = ${into} and segment_id = own.segment_id)
      and not exists (
        select from inbox where person_key = ${from} and type = 'segment' and subject = own.segment_id || '/enter')`);
  return rows.map(({ segment }) => segment);
}

/** Ends memberships that were brought along and do not fit, before the relay looks: the one who is left never entered there, and leaves nothing. */
async function dropUnfit(tx: Db, person: PersonRow, asked: string[], unfitOf: UnfitOf): Promise<void> {
  if (asked.length === 0) return;
  const segments = await listDefinitions(tx);
  const unfit = await unfitOf({ person, segments, asked }, createFacts(tx, { personKey: person.key }));
  await tx
    .delete(segmentMembers)
    .where(and(eq(segmentMembers.personKey, person.key), inArray(segmentMembers.segmentId, unfit)));
}

/**
 * What both entered for, or might have, is kept of each, so that figures stay: the one who is gone stands behind the cause. So too behind
 * what names a place in their order, which must not be taken for the same place in the other's.
 */
async function markCauses(tx: Db, from: string, into: string): Promise<void> {
  const isTheirs = (table: string) => sql`exists (
    select from ${sql.identifier(table)} as other
    where other.person_key = ${into} and other.campaign_id = own.campaign_id and other.cause = own.cause)`;
  for (const table of ['journeys', 'entries', 'outcomes']) {
    await tx.execute(sql`
      update ${sql.identifier(table)} as own set cause = cause || ${`.${from}`}
      where person_key = ${from} and (cause ~ '^(attribute|segment)/' or ${isTheirs('entries')} or ${isTheirs('outcomes')})`);
  }
}

/**
 * Rows of which each person has one stay where both have it, and go with the person. Not so who entered what: of two entries where
 * once is allowed, either one alone keeps the person out, whichever is taken back.
 */
async function moveRows(tx: Db, from: string, into: string): Promise<void> {
  const key = sql`person_key = ${from}`;
  const isTaken = (table: string, same: string) => sql`exists (
    select from ${sql.identifier(table)} as other where other.person_key = ${into} and ${sql.raw(same)})`;
  for (const table of ['journeys', 'waits', 'deliveries', 'conversions', 'split_choices', 'outcomes']) {
    await tx.execute(sql`update ${sql.identifier(table)} set person_key = ${into} where ${key}`);
  }
  await tx.execute(sql`
    update entries as own
    set person_key = ${into}, once = once and not ${isTaken('entries', 'other.campaign_id = own.campaign_id and other.once')}
    where ${key}`);
  for (const [table, same] of [
    ['segment_members', 'other.segment_id = own.segment_id'],
    ['due_entries', 'other.campaign_id = own.campaign_id and other.occurrence = own.occurrence'],
  ] as const) {
    await tx.execute(sql`
      update ${sql.identifier(table)} as own set person_key = ${into} where ${key} and not ${isTaken(table, same)}`);
  }
}

/**
 * Gives a person what the one who was merged had and they lack. That begins nothing; but before it the relay looks at all their segments
 * and waits again, as they are now.
 */
async function mergeAttributes(tx: Db, from: PersonRow, key: string): Promise<PersonRow> {
  await leaveRecheck(tx, key);
  const [into] = await tx
    .update(people)
    .set({ suppressed: sql`${people.suppressed} or ${from.suppressed}`, updatedAt: sql`statement_timestamp()` })
    .where(eq(people.key, key))
    .returning();
  if (!into) throw new Error('a person vanished while another one was merged into them');
  const lacking = Object.entries(from.attributes).filter(([name]) => !Object.hasOwn(into.attributes, name));
  const values = Object.fromEntries(lacking);
  return (await changeAttributes(tx, into, values, { type: 'merge' }, { backfill: true })).person;
}

/** With the urgency of what was left for either of them. */
async function leaveRecheck(tx: Db, key: string): Promise<void> {
  await tx.execute(sql`
    with person as (
      update people set last_number = last_number + 1 where key = ${key} returning key, last_number
    ), item as (
      insert into inbox (person_key, number, type, subject) select key, last_number, 'recheck', '' from person
    )
    insert into waiting (person_key, lane, due_at) values (${key}, 0, now())
    on conflict (person_key) do update set lane = 0, due_at = now()`);
}
