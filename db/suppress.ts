import { eq, sql } from 'drizzle-orm';
import type { Db } from './open.ts';
import type { PersonRow } from './people.ts';
import { people } from './schema/people.ts';

/**
 * Says that nothing is to be sent to a person, and nothing is to begin for them, or that it may again. Each attempt shares the row from
 * when it is claimed until it is written, so the whole row is taken: no request begins after this has been committed. Undefined where
 * there is nobody.
 */
export function setSuppressed(db: Db, id: string, suppressed: boolean): Promise<PersonRow | undefined> {
  return db.transaction(async (tx) => {
    const [person] = await tx.select().from(people).where(eq(people.id, id)).for('update');
    if (!person || person.suppressed === suppressed) return person;
    const [changed] = await tx
      .update(people)
      .set({ suppressed, updatedAt: sql`statement_timestamp()` })
      .where(eq(people.key, person.key))
      .returning();
    return changed;
  });
}
