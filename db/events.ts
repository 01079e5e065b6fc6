import { and, eq, sql } from 'drizzle-orm';
import type { Json } from '../domain/json.ts';
import { newIds } from './id.ts';
import type { Db } from './open.ts';
import {
  changedAttributes,
  changesOf,
  findPeople,
  storeChanges,
  type AttributeValues,
  type NewChange,
} from './people.ts';
import { outcomes } from './schema/campaigns.ts';
import { events, inbox, people } from './schema/people.ts';

export type NewEvent = {
  id?: string | undefined;
  person: string;
  name: string;
  data: Record<string, Json>;
  timestamp?: Date | undefined;
  attributes?: AttributeValues | undefined;
  backfill: boolean;
};

/** An event's id, and whether it is new: an id that is known, or stands earlier in the list, changes nothing. */
export type StoredId = { id: string; isNew: boolean };

/**
 * Stores events and leaves each for the relay, all or none. Answers for each, in the order of the input. Events without attributes
 * need no transaction: one statement stores them.
 */
export async function ingestEvents(db: Db, input: NewEvent[]): Promise<StoredId[]> {
  const ids = newIds('evt', input.length).map((id, index) => input[index]?.id ?? id);
  const fresh = await withoutDuplicates(db, input, ids);
  const store = async (tx: Db) => {
    const stored = await insertEvents(tx, fresh);
    await mergeAttributes(tx, fresh, stored);
    return stored;
  };
  const changes = fresh.some((event) => event.attributes);
  const accepted = fresh.length === 0 ? new Map<string, Stored>() : await (changes ? db.transaction(store) : store(db));
  return ids.map((id) => ({ id, isNew: accepted.delete(id) }));
}

type IdentifiedEvent = NewEvent & { id: string };

/** Long past when it came: it starts and ends nothing, nor do the attributes that came with it. */
type Stored = { isLate: boolean };

async function withoutDuplicates(tx: Db, input: NewEvent[], ids: string[]): Promise<IdentifiedEvent[]> {
  const given = input.flatMap((event) => (event.id === undefined ? [] : [event.id]));
  const known =
    given.length === 0
      ? []
      : await tx
          .select({ id: events.id })
          .from(events)
          .where(sql`${events.id} = any(${sql.param(given)}::text[])`);
  const seen = new Set(known.map((row) => row.id));
  return input.flatMap((event, index) => {
    const id = ids[index] ?? '';
    if (seen.has(id)) return [];
    seen.add(id);
    return [{ ...event, id }];
  });
}

/**
 * One statement: people are locked, or made, in the order of their ids, then events are written in the order of theirs, so that
 * lists that cross cannot lock each other out. Each event takes its person's next number, an inbox row goes with it, and the
 * person waits for the relay. All are received at one moment, when everybody is held, so that a person's are in the order of the list
 * for whoever sorts by time. Somebody who stored one of the ids a moment ago wins: the unique key skips it here, and its number stays
 * unused.
 */
async function insertEvents(tx: Db, fresh: IdentifiedEvent[]): Promise<Map<string, Stored>> {
  const counts = new Map<string, number>();
  for (const { person } of fresh) counts.set(person, (counts.get(person) ?? 0) + 1);
  const left = new Map(counts);
  const rows = fresh.map(({ id, person, name, data, timestamp, backfill }) => {
    const later = (left.get(person) ?? 0) - 1;
    left.set(person, later);
    return { id, person, later, name, data, timestamp, backfill };
  });
  const keys = newIds('per', counts.size);
  const persons = [...counts].map(([id, count], index) => ({ key: keys[index], id, count }));
  const stored = await tx.execute<{ id: string } & Stored>(sql`
    with person as (
      insert into people as p (key, id, attributes, last_number)
      select key, id, '{}', count
      from jsonb_to_recordset(${JSON.stringify(persons)}::jsonb) as row (key text, id text, count int) order by id
      on conflict (id) do update set last_number = p.last_number + excluded.last_number
      returning p.key, p.id, p.last_number
    ), received as materialized (
      select clock_timestamp() as at from (select count(*) from person) as held
    ), event as (
      insert into events (id, person_key, number, name, data, timestamp, received_at, backfill)
      select i.id, p.key, p.last_number - i.later, i.name, i.data, coalesce(i.timestamp, at), at, i.backfill
      from jsonb_to_recordset(${JSON.stringify(rows)}::jsonb)
        as i (id text, person text, later int, name text, data jsonb, timestamp timestamptz, backfill boolean)
      join person p on p.id = i.person cross join received order by i.id
      on conflict (id) do nothing
      returning id, person_key, number, received_at - timestamp > interval '24 h' as is_late
    ), item as (
      insert into inbox (person_key, number, type, subject) select person_key, number, 'event', id from event
    ), waits as (
      insert into waiting (person_key, lane, due_at) select distinct person_key, 0, now() from event
      on conflict (person_key) do update set lane = 0 where waiting.lane > 0
    )
    select id, is_late as "isLate" from event`);
  return new Map(stored.map((row) => [row.id, row]));
}

const PEOPLE_AT_ONCE = 1_000;

/** Merges the attributes that came with those events that were stored into their people, who are held, in the order of the list. */
async function mergeAttributes(tx: Db, fresh: IdentifiedEvent[], stored: Map<string, Stored>): Promise<void> {
  const changing = fresh.filter((event) => event.attributes && stored.has(event.id));
  for (let from = 0; from < changing.length; from += PEOPLE_AT_ONCE) {
    const part = changing.slice(from, from + PEOPLE_AT_ONCE);
    const held = await findPeople(tx, [...new Set(part.map((event) => event.person))]);
    const byId = new Map(held.map((person) => [person.id, person]));
    const changes: NewChange[] = [];
    for (const { id, person: name, attributes = {}, backfill } of part) {
      const person = byId.get(name);
      const changed = person && changesOf(person.attributes, attributes);
      if (!changed) continue;
      byId.set(name, { ...person, attributes: changedAttributes(person, attributes) });
      const isPast = backfill || stored.get(id)?.isLate === true;
      changes.push({
        key: person.key,
        cause: { type: 'event', id },
        changes: changed,
        journey: null,
        backfill: isPast,
      });
    }
    await storeChanges(tx, changes);
  }
}

/** An event with its person's own id; `waits` while the relay has not taken it up. */
export type StoredEvent = typeof events.$inferSelect & { person: string; waits: boolean };

export async function findEvent(db: Db, id: string): Promise<StoredEvent | undefined> {
  const [row] = await db
    .select({ event: events, person: people.id, item: inbox.number })
    .from(events)
    .innerJoin(people, eq(people.key, events.personKey))
    .leftJoin(inbox, and(eq(inbox.personKey, events.personKey), eq(inbox.number, events.number)))
    .where(eq(events.id, id));
  return row && { ...row.event, person: row.person, waits: row.item !== null };
}

/** What each campaign made of an event, in the order in which they were considered; not of somebody else's of that id, which is gone. */
export function listOutcomes(db: Db, { id, personKey }: Pick<StoredEvent, 'id' | 'personKey'>) {
  return db
    .select()
    .from(outcomes)
    .where(and(eq(outcomes.cause, `event/${id}`), eq(outcomes.personKey, personKey)))
    .orderBy(outcomes.at, outcomes.campaignId);
}
