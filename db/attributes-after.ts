import { sql } from 'drizzle-orm';
import type { Json } from '../domain/json.ts';
import { withValues } from './attributes-before.ts';
import type { ClaimedPerson, InboxItem } from './inbox.ts';
import type { Db } from './open.ts';
import type { PersonRow } from './people.ts';

/** Some attributes of a person, by their names, as they were to one of their items. */
export type AttributesAfter = (item: InboxItem, names: string[]) => Promise<PersonRow['attributes']>;

/**
 * The attributes of a person, who is held, as they were behind one of the items that are matched now: as they are, but for what is
 * matched later only. What came without an item counts from the first on, as nobody would look at it again.
 */
export function attributesAfter(tx: Db, { person, items }: Pick<ClaimedPerson, 'person' | 'items'>): AttributesAfter {
  const behind = items.at(-1)?.number ?? 0;
  const waiting = new Map<string, ReturnType<typeof firstWaiting>>();
  const findWaiting = async (name: string) => {
    const found = waiting.get(name) ?? firstWaiting(tx, { keys: [person.key], names: [name], behind });
    waiting.set(name, found);
    return ownValue((await found).get(person.key), name);
  };
  const valueAfter = async ({ number, change }: InboxItem, name: string): Promise<Json | undefined> => {
    const later = items.find((item) => item.number > number && ownValue(item.change?.changes, name));
    const next = ownValue(later?.change?.changes, name);
    const before = next ? next.from : await findWaiting(name);
    if (before === undefined) return ownValue(person.attributes, name);
    // Where people were merged the next change may not have found what this one left.
    const own = ownValue(change?.changes, name);
    return own ? own.to : before;
  };
  return async (item, names) => {
    const values = await Promise.all(names.map(async (name) => [name, await valueAfter(item, name)] as const));
    return withValues(
      {},
      values.map(([name, value = null]) => [name, value]),
    );
  };
}

/** These people, who are held, with attributes of these names as they were before all that is still to be matched. */
export async function beforeWaiting(tx: Db, people: PersonRow[], names: string[]): Promise<PersonRow[]> {
  const waiting = await firstWaiting(tx, { keys: people.map(({ key }) => key), names, behind: 0 });
  return people.map((person) => {
    const before = waiting.get(person.key);
    return before ? { ...person, attributes: withValues(person.attributes, Object.entries(before)) } : person;
  });
}

/** What attributes were before the first change of each that waits behind a number, by people's keys. */
async function firstWaiting(
  tx: Db,
  { keys, names, behind }: { keys: string[]; names: string[]; behind: number },
): Promise<Map<string, Record<string, Json>>> {
  const rows = await tx.execute<{ key: string; before: Record<string, Json> }>(sql`
    select key, jsonb_object_agg(name, "from") as before
    from unnest(${sql.param(keys)}::text[]) as key
    cross join unnest(${sql.param(names)}::text[]) as name
    cross join lateral (
      select changes -> name -> 'from' as "from"
      from inbox join attribute_changes using (person_key, number)
      where person_key = key and number > ${behind}::bigint and type = 'change' and changes ? name
      order by number limit 1
    ) as first
    group by key`);
  return new Map(rows.map(({ key, before }) => [key, before]));
}

/** Names come from people: none of what every object has is meant. */
const ownValue = <T>(record: Record<string, T> | undefined, name: string): T | undefined =>
  record && Object.hasOwn(record, name) ? record[name] : undefined;
