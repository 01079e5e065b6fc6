import { eq, sql } from 'drizzle-orm';
import { HooklineError } from '../domain/errors.ts';
import type { Json } from '../domain/json.ts';
import { newId } from './id.ts';
import type { Db } from './open.ts';
import { people } from './schema/people.ts';

const MAX_ATTRIBUTES_BYTES = 64 * 1024;

export type PersonRow = typeof people.$inferSelect;

/** Changes of attributes by name; `null` removes one. Names that are not mentioned stay as they are. */
export type AttributeChanges = Record<string, Json>;

export async function findPerson(db: Db, id: string): Promise<PersonRow | undefined> {
  const [person] = await db.select().from(people).where(eq(people.id, id));
  return person;
}

/** Creates the person or merges the attributes into those that are there. A repeat changes nothing more. */
export async function putPerson(db: Db, id: string, changes: AttributeChanges): Promise<PersonRow> {
  return db.transaction(async (tx) => {
    const { set } = splitChanges(changes);
    const [created] = await tx
      .insert(people)
      .values({ key: newId('per'), id, attributes: set })
      .onConflictDoNothing({ target: people.id })
      .returning();
    if (!created) return changeAttributes(tx, { id }, changes);
    assertFits(created, {});
    return created;
  });
}

/**
 * The one place where attributes of a person change: API, event, response mapping or `update` step.
 * The statement locks the row and starts from what stands there then, so that two changes at once both count.
 */
export async function changeAttributes(db: Db, who: { id: string }, changes: AttributeChanges): Promise<PersonRow> {
  const { set, removed } = splitChanges(changes);
  const [person] = await db
    .update(people)
    .set({
      attributes: sql`(${people.attributes} || ${JSON.stringify(set)}::jsonb) - ${sql.param(removed)}::text[]`,
      updatedAt: sql`clock_timestamp()`,
    })
    .where(eq(people.id, who.id))
    .returning();
  if (!person) throw new Error('the person whose attributes change is gone');
  assertFits(person, {});
  return person;
}

/** Throws `people.too_large` where the changes would leave the person with more than 64 KiB of attributes. */
export const assertFits = (person: PersonRow, changes: AttributeChanges): void =>
  void changedAttributes(person, changes);

/** The attributes that changes would leave a person with; nothing is written. Throws `people.too_large` beyond 64 KiB. */
export function changedAttributes(
  person: Pick<PersonRow, 'id' | 'attributes'>,
  changes: AttributeChanges,
): PersonRow['attributes'] {
  const { set, removed } = splitChanges(changes);
  const names = new Set(removed);
  const kept = Object.entries({ ...person.attributes, ...set }).filter(([name]) => !names.has(name));
  const attributes = Object.fromEntries(kept);
  const size = Buffer.byteLength(JSON.stringify(attributes));
  if (size <= MAX_ATTRIBUTES_BYTES) return attributes;
  const message = `The attributes of person "${person.id}" would take ${size} bytes; at most ${MAX_ATTRIBUTES_BYTES} are kept. Remove or shorten some.`;
  throw new HooklineError('people.too_large', message, { errors: [{ path: 'attributes', message }] });
}

function splitChanges(changes: AttributeChanges) {
  const names = Object.keys(changes);
  return {
    set: Object.fromEntries(names.flatMap((name) => (changes[name] === null ? [] : [[name, changes[name] ?? null]]))),
    removed: names.filter((name) => changes[name] === null),
  };
}
