import { mergePeople } from '../../db/merge-people.ts';
import type { Db } from '../../db/open.ts';
import { putPeople } from '../../db/put-people.ts';
import { unfitSegments } from '../../domain/segment/unfit-segments.ts';

/** Makes one person of two, also where nobody has the id that stays. Who is not there was merged before, or never came. */
export async function mergeInto(db: Db, id: string, into: string): Promise<void> {
  while ((await mergePeople(db, id, into, unfitSegments)) === 'noInto') {
    await putPeople(db, [{ id: into, attributes: {} }], { backfill: false });
  }
}
