import { sql } from 'drizzle-orm';
import type { Db } from '../../db/open.ts';

/** The tables, of all that there are, with a row that has one of these texts anywhere in it, as bytes too. */
export async function tracesOf(db: Db, texts: string[]): Promise<string[]> {
  const tables = await db.execute<{ name: string }>(sql`
    select table_name as name from information_schema.tables where table_schema = 'public' and table_type = 'BASE TABLE'`);
  const needles = texts.flatMap((text) => [text, Buffer.from(text).toString('hex')]);
  const found: string[] = [];
  for (const { name } of tables) {
    const table = sql.identifier(name);
    const rows = await db.execute(sql`
      select 1 from ${table}
      where exists (select from unnest(${sql.param(needles)}::text[]) as needle where strpos(${table}::text, needle) > 0)
      limit 1`);
    if (rows.length > 0) found.push(name);
  }
  return found.toSorted();
}
