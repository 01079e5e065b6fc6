import { sql } from 'drizzle-orm';
import type { ClaimedPerson, InboxItem } from './inbox.ts';
import type { Db } from './open.ts';
import type { PersonRow } from './people.ts';
import type { AttributeChange } from './schema/people.ts';

/** What the attributes of a person are to one of their items. */
export type AttributesAfter = (item: InboxItem) => Promise<PersonRow['attributes']>;

/**
 * The attributes of a person, who is held, as they were behind one of the items that are matched now: as they are, but for what is
 * matched later only. What came without an item counts from the first on, as nobody would look at it again.
 */
export function attributesAfter(tx: Db, { person, items }: Pick<ClaimedPerson, 'person' | 'items'>): AttributesAfter {
  let behind: ReturnType<typeof changesBehind> | undefined;
  return async ({ number, change }) => {
    behind ??= changesBehind(tx, person.key, items.at(-1)?.number ?? 0);
    const own = new Map(Object.entries(change?.changes ?? {}).map(([name, { to }]) => [name, to]));
    const later = items.flatMap((item) => (item.number > number ? Object.entries(item.change?.changes ?? {}) : []));
    const attributes = new Map(Object.entries(person.attributes));
    for (const [name, { from }] of [...later, ...(await behind)].toReversed()) {
      // Where people were merged the next change may not have found what this one left.
      const left = own.get(name);
      const value = left === undefined ? from : left;
      if (value === null) attributes.delete(name);
      else attributes.set(name, value);
    }
    return Object.fromEntries(attributes);
  };
}

/** What waits behind a number, too: of each attribute the first change. */
async function changesBehind(tx: Db, personKey: string, number: number) {
  const rows = await tx.execute<{ name: string; from: AttributeChange['from'] }>(sql`
    select distinct on (name) name, change -> 'from' as "from"
    from inbox join attribute_changes as changes using (person_key, number), jsonb_each(changes.changes) as each (name, change)
    where person_key = ${personKey} and number > ${number}::bigint and type = 'change'
    order by name, number`);
  return rows.map(({ name, from }): [string, Pick<AttributeChange, 'from'>] => [name, { from }]);
}
