import { isDeepStrictEqual } from 'node:util';
import { eq, sql } from 'drizzle-orm';
import { HooklineError } from '../domain/errors.ts';
import type { Json } from '../domain/json.ts';
import { newId } from './id.ts';
import { leaveRechecks } from './leave-items.ts';
import type { Db } from './open.ts';
import { people, type AttributeChange, type ChangeCause } from './schema/people.ts';

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

/** Creates the person or merges the attributes into those that are there. A repeat changes nothing more. */
export async function putPerson(db: Db, id: string, changes: AttributeValues): Promise<PersonRow> {
  return db.transaction(async (tx) => {
    // Sent together, run in this order: the second sees whom the first one made, or waited for.
    const [, [person]] = await Promise.all([
      tx
        .insert(people)
        .values({ key: newId('per'), id, attributes: {} })
        .onConflictDoNothing({ target: people.id }),
      tx.select().from(people).where(eq(people.id, id)).for('no key update'),
    ]);
    if (!person) throw new Error('a person vanished while they were stored');
    return (await changeAttributes(tx, person, changes, { type: 'api' })).person;
  });
}

/** The journey whose doing a change is, and whether it came as backfill, so that it begins and ends nothing. */
export type ChangeOrigin = { journey?: string | null; backfill?: boolean };

/**
 * The one place where attributes of a person change: API, event, response mapping or `update` step. The caller holds the person's
 * row, and gives it as it stands. What really changes is written with its cause and the person's next number, and left for the relay
 * where anything follows from it (`isLeft`); where nothing changes, nothing is written. Throws `people.too_large` before that.
 */
export async function changeAttributes(
  tx: Db,
  person: PersonRow,
  values: AttributeValues,
  cause: ChangeCause,
  { journey = null, backfill = false }: ChangeOrigin = {},
): Promise<{ person: PersonRow; isLeft: boolean }> {
  const changes = changesOf(person.attributes, values);
  const names = Object.keys(changes);
  if (names.length === 0) return { person, isLeft: person.lastNumber === 0 && (await leaveNewcomer(tx, person.key)) };
  const set = Object.fromEntries(
    Object.entries(changes).flatMap(([name, { to }]) => (to === null ? [] : [[name, to]])),
  );
  const removed = names.filter((name) => !Object.hasOwn(set, name));
  changedAttributes(person, values);
  const [[changed], left] = await Promise.all([
    tx
      .update(people)
      .set({
        attributes: sql`(${people.attributes} || ${JSON.stringify(set)}::jsonb) - ${sql.param(removed)}::text[]`,
        lastNumber: sql`${people.lastNumber} + 1`,
        updatedAt: sql`statement_timestamp()`,
      })
      .where(eq(people.key, person.key))
      .returning(),
    tx.execute(sql`
      with change as (
        insert into attribute_changes (person_key, number, cause, changes, depth, backfill)
        select key, last_number, ${JSON.stringify(cause)}::jsonb, ${JSON.stringify(changes)}::jsonb,
          coalesce((select depth + 1 from journeys where id = ${journey}), 0), ${backfill}::boolean
        from people where key = ${person.key}
        returning person_key, number
      ), item as (
        insert into inbox (person_key, number, type, subject)
        select person_key, number, 'change', '' from change where ${concernsAnybody(person.key, names)}
        returning person_key
      )
      insert into waiting (person_key, lane, due_at) select person_key, 0, now() from item
      on conflict (person_key) do update set lane = 0
      returning person_key`),
  ]);
  if (!changed) throw new Error('the person whose attributes change is gone');
  return { person: changed, isLeft: left.length > 0 };
}

/** Who has just been made may belong to a segment without having an attribute. */
async function leaveNewcomer(tx: Db, key: string): Promise<boolean> {
  const [row] = await tx.execute(sql`select from segments limit 1`);
  if (row) await leaveRechecks(tx, [key]);
  return row !== undefined;
}

/**
 * Whether a campaign, a segment or a wait looks at the attributes of a person who is held. Who begins to look later sees them as they
 * are then, since that holds the person too.
 */
const concernsAnybody = (personKey: string, names: string[]) => sql`(
  exists (select from segments)
  or exists (select from waits where person_key = ${personKey} and outcome is null and kind <> 'event')
  or exists (
    select from campaigns
    where trigger_type in ('attribute', 'date') and trigger_name = any(${sql.param(names)}::text[])
      or trigger_type = 'date' and ${names.includes('timezone')}::boolean))`;

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

/** What the values would change, by name, compared as JSON: neither the order of keys nor a zero's sign is a change. */
function changesOf(attributes: Record<string, Json>, values: AttributeValues): Record<string, AttributeChange> {
  const changes = Object.keys(values).map((name): [string, AttributeChange] => {
    const from = Object.hasOwn(attributes, name) ? (attributes[name] ?? null) : null;
    return [name, { from, to: JSON.parse(JSON.stringify(values[name])) }];
  });
  return Object.fromEntries(changes.filter(([, { from, to }]) => !isDeepStrictEqual(from, to)));
}
