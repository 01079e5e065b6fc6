import { isDeepStrictEqual } from 'node:util';
import { eq, sql } from 'drizzle-orm';
import { HooklineError } from '../domain/errors.ts';
import type { Json } from '../domain/json.ts';
import { newId } from './id.ts';
import { leaveRechecks } from './leave-items.ts';
import type { Db } from './open.ts';
import { people, type AttributeChange, type ChangeCause } from './schema/people.ts';
import { noteNames } from './seen-names.ts';

const MAX_ATTRIBUTES_BYTES = 64 * 1024;

export type PersonRow = typeof people.$inferSelect;

/** New values of attributes by name; `null` removes one. Names that are not mentioned stay as they are. */
export type AttributeValues = Record<string, Json>;

export async function findPerson(db: Db, id: string): Promise<PersonRow | undefined> {
  const [person] = await db.select().from(people).where(eq(people.id, id));
  return person;
}

/** Those of these ids whom there is, in no order. */
export async function findPeople(db: Db, ids: string[]): Promise<PersonRow[]> {
  return db
    .select()
    .from(people)
    .where(sql`${people.id} = any(${sql.param(ids)}::text[])`);
}

/**
 * Creates the person or merges the attributes into those that are there. A repeat changes nothing more. `isLeft`: the relays are to be
 * woken.
 */
export async function putPerson(
  db: Db,
  id: string,
  changes: AttributeValues,
  { backfill = false }: { backfill?: boolean } = {},
): Promise<PersonRow & { isLeft: boolean }> {
  return db.transaction(async (tx) => {
    // Sent together, run in this order: the first one makes somebody, or holds who is there, though it changes nothing of them.
    const [, [person]] = await Promise.all([
      tx
        .insert(people)
        .values({ key: newId('per'), id, attributes: {} })
        .onConflictDoUpdate({ target: people.id, set: { updatedAt: sql`${people.updatedAt}` }, setWhere: sql`false` }),
      tx.select().from(people).where(eq(people.id, id)),
    ]);
    if (!person) throw new Error('a person vanished while they were stored');
    const { person: changed, isLeft } = await changeAttributes(tx, person, changes, { type: 'api' }, { backfill });
    return { ...changed, isLeft };
  });
}

/** Does something for a person whom there is, who stays meanwhile; undefined, and nothing done, where there is nobody. */
export const whileThere = <T>(db: Db, id: string, act: (tx: Db) => Promise<T>): Promise<T | undefined> =>
  db.transaction(async (tx) => {
    const [person] = await tx.select({ key: people.key }).from(people).where(eq(people.id, id)).for('no key update');
    return person && act(tx);
  });

/** The journey whose doing a change is, and whether it came as backfill, so that it begins and ends nothing. */
export type ChangeOrigin = { journey?: string | null; backfill?: boolean };

/** What a change does to a person, and what it comes from. */
export type NewChange = {
  key: string;
  cause: ChangeCause;
  changes: Record<string, AttributeChange>;
  journey: string | null;
  backfill: boolean;
};

/**
 * Changes attributes of a person whom the caller holds, and gives as the row stands. What really changes is written with its cause and
 * the person's next number, and left for the relay where anything follows from it (`isLeft`); where nothing changes, nothing is
 * written. Throws `people.too_large` before that.
 */
export async function changeAttributes(
  tx: Db,
  person: PersonRow,
  values: AttributeValues,
  cause: ChangeCause,
  { journey = null, backfill = false }: ChangeOrigin = {},
): Promise<{ person: PersonRow; isLeft: boolean }> {
  const changes = changesOf(person.attributes, values);
  if (!changes) return { person, isLeft: await leaveNewcomers(tx, [person]) };
  changedAttributes(person, values);
  const [isLeft, [changed]] = await Promise.all([
    storeChanges(tx, [{ key: person.key, cause, changes, journey, backfill }]),
    tx.select().from(people).where(eq(people.key, person.key)),
  ]);
  if (!changed) throw new Error('the person whose attributes change is gone');
  return { person: changed, isLeft };
}

/**
 * The one place where attributes of people change: API, event, response mapping or `update` step. The callers hold the people, whose
 * changes follow each other in the order of the list. Answers whether anything was left for the relay.
 */
export async function storeChanges(tx: Db, list: NewChange[]): Promise<boolean> {
  if (list.length === 0) return false;
  const rows = list.map((change, place) => ({ ...change, place }));
  const left = await tx.execute(sql`
    with input as (
      select *, array(select jsonb_object_keys(changes)) as names,
        row_number() over (partition by key order by place) as turn, count(*) over (partition by key) as turns
      from jsonb_to_recordset(${JSON.stringify(rows)}::jsonb)
        as row (place int, key text, cause jsonb, changes jsonb, journey text, backfill boolean)
    ), latest as (
      select distinct on (key, name) key, turns, name, nullif(change->'to', 'null') as value
      from input, jsonb_each(changes) as each (name, change)
      order by key, name, place desc
    ), net as (
      select key, turns, coalesce(jsonb_object_agg(name, value) filter (where value is not null), '{}') as set,
        array_remove(array_agg(case when value is null then name end), null) as removed
      from latest group by key, turns
    ), seen as (
      ${noteNames(sql`(select 'attribute' as kind, name from latest)`)}
    ), person as (
      update people
      set attributes = (attributes || net.set) - net.removed, last_number = last_number + turns, updated_at = statement_timestamp()
      from net where people.key = net.key
      returning people.key, last_number
    ), change as (
      insert into attribute_changes (person_key, number, cause, changes, depth, backfill)
      select key, last_number - turns + turn, cause, changes, coalesce((select depth + 1 from journeys where id = journey), 0), backfill
      from input join person using (key)
    ), item as (
      insert into inbox (person_key, number, type, subject)
      select key, last_number - turns + turn, 'change', '' from input join person using (key) where ${CONCERNS_ANYBODY}
      returning person_key
    )
    insert into waiting (person_key, lane, due_at) select distinct person_key, 0, now() from item
    on conflict (person_key) do update set lane = 0
    returning person_key`);
  return left.length > 0;
}

/** People for whom nothing was ever stored may belong to segments all the same: they are left for the relay where there are any. */
export async function leaveNewcomers(tx: Db, held: PersonRow[]): Promise<boolean> {
  const keys = held.flatMap(({ key, lastNumber }) => (lastNumber === 0 ? [key] : []));
  if (keys.length === 0) return false;
  const [row] = await tx.execute(sql`select from segments limit 1`);
  if (row) await leaveRechecks(tx, keys);
  return row !== undefined;
}

/**
 * Whether a campaign, a segment or a wait looks at the attributes of a person who is held. Who begins to look later sees them as they
 * are then, since that holds the person too.
 */
const CONCERNS_ANYBODY = sql`(
  exists (select from segments)
  or exists (select from waits where person_key = input.key and outcome is null and kind <> 'event')
  or exists (
    select from campaigns
    where trigger_type in ('attribute', 'date') and trigger_name = any(input.names)
      or trigger_type = 'date' and 'timezone' = any(input.names)))`;

/** The attributes that values would leave a person with; nothing is written. Throws `people.too_large` beyond 64 KiB. */
export function changedAttributes(
  person: Pick<PersonRow, 'id' | 'attributes'>,
  values: AttributeValues,
): PersonRow['attributes'] {
  const kept = Object.entries({ ...person.attributes, ...values }).filter(([, value]) => value !== null);
  const attributes = Object.fromEntries(kept);
  const size = Buffer.byteLength(JSON.stringify(attributes));
  if (size <= MAX_ATTRIBUTES_BYTES) return attributes;
  const message = `The attributes of person "${person.id}" would take ${size} bytes; at most ${MAX_ATTRIBUTES_BYTES} are kept. Remove or shorten some.`;
  throw new HooklineError('people.too_large', message, { errors: [{ path: 'attributes', message }] });
}

/** What the values change, by name, compared as JSON: neither the order of keys nor a zero's sign is a change. Null: nothing. */
export function changesOf(
  attributes: Record<string, Json>,
  values: AttributeValues,
): Record<string, AttributeChange> | null {
  const changes = Object.keys(values).map((name): [string, AttributeChange] => {
    const from = Object.hasOwn(attributes, name) ? (attributes[name] ?? null) : null;
    return [name, { from, to: JSON.parse(JSON.stringify(values[name])) }];
  });
  const real = changes.filter(([, { from, to }]) => !isDeepStrictEqual(from, to));
  return real.length > 0 ? Object.fromEntries(real) : null;
}
