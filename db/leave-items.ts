import { sql } from 'drizzle-orm';
import type { Db } from './open.ts';
import type { InboxType } from './schema/people.ts';

type Item = { type: InboxType; subject: string };

/** Leaves an item for each of these people, whose rows are held. They come with what is left when others have been matched. */
export async function leaveItems(tx: Db, keys: string[], { type, subject }: Item): Promise<void> {
  if (keys.length === 0) return;
  await tx.execute(sql`
    with person as (
      update people set last_number = last_number + 1 where key = any(${sql.param(keys)}::text[]) returning key, last_number
    ), item as (
      insert into inbox (person_key, number, type, subject) select key, last_number, ${type}, ${subject} from person
    )
    insert into waiting (person_key, lane, due_at) select key, 1, now() from person
    on conflict (person_key) do nothing`);
}

/**
 * Has the relay look at people again, all their segments and waits: at those whom nobody holds, and once, however often they are
 * nominated before it comes to them. Who is held is busy, and nominated the next time.
 */
export async function leaveRechecks(tx: Db, keys: string[]): Promise<void> {
  const held = await holdFree(tx, keys);
  if (held.length === 0) return;
  const rows = await tx.execute<{ key: string }>(sql`
    select key from unnest(${sql.param(held)}::text[]) as person (key)
    where not exists (select from inbox where person_key = key and type = 'recheck')`);
  await leaveItems(
    tx,
    rows.map(({ key }) => key),
    { type: 'recheck', subject: '' },
  );
}

/** Holds those of these people whom nobody else holds. It waits for nobody, so that no order of locks can be crossed. */
export async function holdFree(tx: Db, keys: string[]): Promise<string[]> {
  if (keys.length === 0) return [];
  const rows = await tx.execute<{ key: string }>(sql`
    select key from people where key = any(${sql.param(keys)}::text[]) order by id for no key update skip locked`);
  return rows.map(({ key }) => key);
}
