import { sql, type SQL } from 'drizzle-orm';
import type { Json } from '../domain/json.ts';
import type { Db } from './open.ts';
import type { PersonRow } from './people.ts';

/** The attributes of a person, who is held, as they were before what has that number, or a later one, changed them. */
export const attributesBefore = (tx: Db, person: PersonRow, number: number): Promise<PersonRow['attributes']> =>
  attributesWithout(tx, person, sql`number >= ${number}::bigint`);

/** The attributes of a person, who is held, as they were at a moment. */
export const attributesAt = (tx: Db, person: PersonRow, moment: Date): Promise<PersonRow['attributes']> =>
  attributesWithout(tx, person, sql`at > ${moment.toISOString()}::timestamptz`);

async function attributesWithout(tx: Db, person: PersonRow, isUndone: SQL): Promise<PersonRow['attributes']> {
  const changes = await tx.execute<{ name: string; before: Json }>(sql`
    select name, change -> 'from' as before from attribute_changes, jsonb_each(changes) as each (name, change)
    where person_key = ${person.key} and ${isUndone} order by number desc`);
  return withValues(
    person.attributes,
    changes.map(({ name, before }) => [name, before]),
  );
}

/** The attributes with these values one after the other; null leaves one out. */
export function withValues(attributes: PersonRow['attributes'], values: [string, Json][]): PersonRow['attributes'] {
  const changed = new Map(Object.entries(attributes));
  for (const [name, value] of values) {
    if (value === null) changed.delete(name);
    else changed.set(name, value);
  }
  return Object.fromEntries(changed);
}
