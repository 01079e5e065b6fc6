import { sql } from 'drizzle-orm';
import type { Db } from './open.ts';
import { segments } from './schema/segments.ts';

/** Keeps segments from being deleted until the transaction ends; answers those that are gone. */
export async function holdSegments(tx: Db, ids: string[]): Promise<string[]> {
  if (ids.length === 0) return [];
  const rows = await tx
    .select({ id: segments.id })
    .from(segments)
    .where(sql`${segments.id} = any(${sql.param(ids)}::text[])`)
    .orderBy(segments.id)
    .for('share');
  const held = new Set(rows.map(({ id }) => id));
  return ids.filter((id) => !held.has(id));
}
