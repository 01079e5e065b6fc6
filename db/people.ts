import { isDeepStrictEqual } from 'node:util';
import { eq, sql } from 'drizzle-orm';
import { HooklineError } from '../domain/errors.ts';
import type { Json } from '../domain/json.ts';
import { newId } from './id.ts';
import type { Db } from './open.ts';
import { attributeChanges, people, type AttributeChange, type ChangeCause } from './schema/people.ts';

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
    return changeAttributes(tx, person, changes, { type: 'api' });
  });
}

/**
 * The one place where attributes of a person change: API, event, response mapping or `update` step. The caller holds the person's
 * row, and gives it as it stands. What really changes is written with its cause and the person's next number; where nothing does,
 * nothing is. Throws `people.too_large` before anything is written.
 */
export async function changeAttributes(
  tx: Db,
  person: PersonRow,
  values: AttributeValues,
  cause: ChangeCause,
): Promise<PersonRow> {
  const changes = changesOf(person.attributes, values);
  const names = Object.keys(changes);
  if (names.length === 0) return person;
  const set = Object.fromEntries(
    Object.entries(changes).flatMap(([name, { to }]) => (to === null ? [] : [[name, to]])),
  );
  const removed = names.filter((name) => !Object.hasOwn(set, name));
  changedAttributes(person, values);
  const [[changed]] = await Promise.all([
    tx
      .update(people)
      .set({
        attributes: sql`(${people.attributes} || ${JSON.stringify(set)}::jsonb) - ${sql.param(removed)}::text[]`,
        lastNumber: sql`${people.lastNumber} + 1`,
        updatedAt: sql`statement_timestamp()`,
      })
      .where(eq(people.key, person.key))
      .returning(),
    tx.insert(attributeChanges).values({
      personKey: person.key,
      number: sql`(select last_number from people where key = ${person.key})`,
      cause,
      changes,
    }),
  ]);
  if (!changed) throw new Error('the person whose attributes change is gone');
  return changed;
}

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
