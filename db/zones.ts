import { sql } from 'drizzle-orm';
import type { Db } from './open.ts';
import { people } from './schema/people.ts';

/**
 * What people have as their `timezone`, each once, zones or not: for conditions that read the clock where each person is. It reads
 * all people. Who gets a zone after this that nobody had counts as one without a zone.
 */
export async function listZones(db: Db): Promise<string[]> {
  const zone = sql<string>`(${people.attributes} -> 'timezone') #>> '{}'`;
  const rows = await db
    .selectDistinct({ zone })
    .from(people)
    .where(sql`jsonb_typeof(${people.attributes} -> 'timezone') = 'string'`);
  return rows.map((row) => row.zone);
}
