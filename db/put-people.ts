import { sql } from 'drizzle-orm';
import { HooklineError } from '../domain/errors.ts';
import { newId } from './id.ts';
import type { Db } from './open.ts';
import {
  changedAttributes,
  changesOf,
  findPeople,
  leaveNewcomers,
  storeChanges,
  type AttributeValues,
  type NewChange,
  type PersonRow,
} from './people.ts';
import { people } from './schema/people.ts';

export type NewPerson = { id: string; attributes: AttributeValues };

const AT_ONCE = 1_000;

/**
 * Creates people or merges their attributes, as `putPerson` does each, several of one person in the order of the list. A part at a time:
 * what is stored stays so, and may be sent again. Answers for each why it was refused (`people.too_large`), null where it was stored.
 */
export async function putPeople(
  db: Db,
  list: NewPerson[],
  options: { backfill: boolean },
): Promise<{ refusals: (HooklineError | null)[]; isLeft: boolean }> {
  const refusals: (HooklineError | null)[] = [];
  let isLeft = false;
  for (let from = 0; from < list.length; from += AT_ONCE) {
    const part = await putPart(db, list.slice(from, from + AT_ONCE), options);
    refusals.push(...part.refusals);
    isLeft ||= part.isLeft;
  }
  return { refusals, isLeft };
}

function putPart(db: Db, list: NewPerson[], { backfill }: { backfill: boolean }) {
  const fresh = new Map(list.map(({ id }) => [id, newId('per')]));
  return db.transaction(async (tx) => {
    await lockOrMake(tx, fresh);
    const held = await findPeople(tx, [...fresh.keys()]);
    const byId = new Map(held.map((person) => [person.id, person]));
    const changes: NewChange[] = [];
    const stored = new Set<string>();
    const refusals = list.map(({ id, attributes }) => {
      const person = byId.get(id);
      if (!person) throw new Error('a person vanished while they were stored');
      const changed = changesOf(person.attributes, attributes);
      const after = changed ? unlessTooLarge(person, attributes) : person.attributes;
      if (after instanceof HooklineError) return after;
      stored.add(id);
      byId.set(id, { ...person, attributes: after });
      if (changed) changes.push({ key: person.key, cause: { type: 'api' }, changes: changed, journey: null, backfill });
      return null;
    });
    const needless = held.filter(({ key, id }) => fresh.get(id) === key && !stored.has(id)).map(({ key }) => key);
    if (needless.length > 0) await tx.delete(people).where(sql`${people.key} = any(${sql.param(needless)}::text[])`);
    const changed = new Set(changes.map(({ key }) => key));
    const newcomers = held.filter(({ key, id }) => stored.has(id) && !changed.has(key));
    const [isLeft, isNew] = [await storeChanges(tx, changes), await leaveNewcomers(tx, newcomers)];
    return { refusals, isLeft: isLeft || isNew };
  });
}

/** In the order of ids, so that lists which cross cannot lock each other out: a conflict locks its row, though it updates nothing. */
const lockOrMake = (tx: Db, keys: Map<string, string>) =>
  tx.execute(sql`
    insert into people as known (key, id, attributes)
    select key, id, '{}' from unnest(${sql.param([...keys.values()])}::text[], ${sql.param([...keys.keys()])}::text[]) as row (key, id)
    order by id
    on conflict (id) do update set updated_at = known.updated_at where false`);

function unlessTooLarge(person: PersonRow, values: AttributeValues): PersonRow['attributes'] | HooklineError {
  try {
    return changedAttributes(person, values);
  } catch (error) {
    if (error instanceof HooklineError) return error;
    throw error;
  }
}
