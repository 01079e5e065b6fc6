import { sql } from 'drizzle-orm';
import type { ClaimedPerson, InboxItem } from './inbox.ts';
import type { Db } from './open.ts';
import type { PersonRow } from './people.ts';
import type { AttributeChange } from './schema/people.ts';

/** Some attributes of a person, by their names, as they were to one of their items. */
export type AttributesAfter = (item: InboxItem, names: string[]) => Promise<PersonRow['attributes']>;

/**
 * The attributes of a person, who is held, as they were behind one of the items that are matched now: as they are, but for what is
 * matched later only. What came without an item counts from the first on, as nobody would look at it again.
 */
export function attributesAfter(tx: Db, { person, items }: Pick<ClaimedPerson, 'person' | 'items'>): AttributesAfter {
  const firstBehind = remembered((name) => findFirst(tx, person.key, { name, behind: items.at(-1)?.number ?? 0 }));
  const valueAfter = async ({ number, change }: InboxItem, name: string) => {
    const later = items.find((item) => item.number > number && ownValue(item.change?.changes, name));
    const next = ownValue(later?.change?.changes, name) ?? (await firstBehind(name));
    if (!next) return ownValue(person.attributes, name);
    // Where people were merged the next change may not have found what this one left.
    const own = ownValue(change?.changes, name);
    return own ? own.to : next.from;
  };
  return async (item, names) => {
    const values = await Promise.all(names.map(async (name) => [name, await valueAfter(item, name)] as const));
    return Object.fromEntries(
      values.flatMap(([name, value]) => (value === undefined || value === null ? [] : [[name, value]])),
    );
  };
}

/** The first change of an attribute among those that wait behind a number. */
async function findFirst(
  tx: Db,
  personKey: string,
  { name, behind }: { name: string; behind: number },
): Promise<Pick<AttributeChange, 'from'> | undefined> {
  const [row] = await tx.execute<{ from: AttributeChange['from'] }>(sql`
    select changes -> ${name}::text -> 'from' as "from"
    from inbox join attribute_changes using (person_key, number)
    where person_key = ${personKey} and number > ${behind}::bigint and type = 'change' and changes ? ${name}::text
    order by number limit 1`);
  return row;
}

/** These people, who are held, with attributes of these names as they were before all that is still to be matched. */
export async function beforeWaiting(tx: Db, people: PersonRow[], names: string[]): Promise<PersonRow[]> {
  const rows = await tx.execute<{ key: string; before: Record<string, AttributeChange['from']> }>(sql`
    select key, jsonb_object_agg(name, "from") as before
    from (
      select distinct on (person_key, name) person_key as key, name, changes -> name -> 'from' as "from"
      from inbox join attribute_changes using (person_key, number), unnest(${sql.param(names)}::text[]) as name
      where person_key = any(${sql.param(people.map(({ key }) => key))}::text[]) and type = 'change' and changes ? name
      order by person_key, name, number
    ) as first
    group by key`);
  const waiting = new Map(rows.map(({ key, before }) => [key, Object.entries(before)]));
  return people.map((person) => {
    const attributes = new Map(Object.entries(person.attributes));
    for (const [name, from] of waiting.get(person.key) ?? []) {
      if (from === null) attributes.delete(name);
      else attributes.set(name, from);
    }
    return { ...person, attributes: Object.fromEntries(attributes) };
  });
}

function remembered<T>(find: (name: string) => Promise<T>): (name: string) => Promise<T> {
  const found = new Map<string, Promise<T>>();
  return (name) => {
    const known = found.get(name) ?? find(name);
    found.set(name, known);
    return known;
  };
}

/** Names come from people: none of what every object has is meant. */
const ownValue = <T>(record: Record<string, T> | undefined, name: string): T | undefined =>
  record && Object.hasOwn(record, name) ? record[name] : undefined;
