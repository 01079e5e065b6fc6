import { sql } from 'drizzle-orm';
import type { Db } from './open.ts';
import { namespaces } from './schema/namespaces.ts';

/** The id of the namespace that was seen last; undefined where none ever was. */
export async function readNamespace(db: Db): Promise<string | undefined> {
  const [row] = await db.select({ id: namespaces.id }).from(namespaces);
  return row?.id;
}

/** Notes which namespace is there. What was begun before another one came is asked about; the first one ever is that of all there is. */
export async function noteNamespace(db: Db, id: string): Promise<void> {
  await db.execute(sql`
    insert into namespaces (id, seen_since) values (${id}, to_timestamp(0))
    on conflict (current) do update set id = excluded.id, seen_since = clock_timestamp() where namespaces.id <> excluded.id`);
}
