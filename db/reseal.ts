import { asc, gt, sql } from 'drizzle-orm';
import type { Cipher } from './cipher.ts';
import type { Db } from './open.ts';
import { sealed } from './sealed.ts';

const ROWS_AT_ONCE = 100;

type SealedColumn = (typeof sealed)[keyof typeof sealed];

/** What became of the values of a batch that another key had sealed. */
export type Resealed = {
  /** So many are sealed with the current key now. */
  done: number;
  /** So many are as they were: another transaction held their row or changed it, or no key opens them. */
  left: number;
  /** Why the first of those does not open that no key opens; undefined where there is none. */
  unopened: unknown;
};

/**
 * Seals everything with the current key that another one sealed: one pass, in batches, each in one statement. It may be ended
 * after any batch and begun again. What somebody writes meanwhile stays; a row that somebody holds is left, so it never waits.
 */
export async function* reseal(db: Db, cipher: Cipher): AsyncGenerator<Resealed> {
  for (const column of Object.values(sealed)) {
    for (let after: string | undefined = ''; after !== undefined;) {
      const rows = await readRows(db, cipher, column, after);
      yield await resealRows(db, cipher, column, rows);
      after = rows.length < ROWS_AT_ONCE ? undefined : rows.at(-1)?.id;
    }
  }
}

type Row = { id: string; value: Buffer | null };

/** The next rows, with the values that another key sealed. All rows count, so that no statement reads a whole table. */
function readRows(db: Db, cipher: Cipher, { table, id, column }: SealedColumn, after: string): Promise<Row[]> {
  const isStale = sql`substring(${column} from 1 for ${cipher.keyId.length}::int) <> ${cipher.keyId}::bytea`;
  return db
    .select({ id, value: sql<Buffer | null>`case when ${isStale} then ${column} end` })
    .from(table)
    .where(gt(id, after))
    .orderBy(asc(id))
    .limit(ROWS_AT_ONCE);
}

async function resealRows(db: Db, cipher: Cipher, sealedColumn: SealedColumn, rows: Row[]): Promise<Resealed> {
  const { table, id, column, rowOf } = sealedColumn;
  // Bytes as base64: the driver takes a list of buffers for one value.
  const [ids, before, after]: [string[], string[], string[]] = [[], [], []];
  const result: Resealed = { done: 0, left: 0, unopened: undefined };
  for (const row of rows) {
    if (!row.value) continue;
    result.left += 1;
    try {
      const place = rowOf(row.id);
      after.push(cipher.seal(cipher.open(row.value, place), place).toString('base64'));
      before.push(row.value.toString('base64'));
      ids.push(row.id);
    } catch (error) {
      result.unopened ??= error;
    }
  }
  if (ids.length === 0) return result;
  const written = await db.execute(sql`
    with held as (
      select ${id} as id, decode(fresh.after, 'base64') as after
      from unnest(${sql.param(ids)}::text[], ${sql.param(before)}::text[], ${sql.param(after)}::text[])
        as fresh (id, before, after)
      join ${table} on ${id} = fresh.id and ${column} = decode(fresh.before, 'base64')
      for no key update of ${table} skip locked
    )
    update ${table} set ${sql.identifier(column.name)} = held.after from held where ${id} = held.id
    returning 1`);
  return { ...result, done: written.length, left: result.left - written.length };
}
