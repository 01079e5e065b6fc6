import type { Db } from '../db/open.ts';
import { assertFits, changeAttributes, type PersonRow } from '../db/people.ts';
import type { SetAttributes } from '../domain/journey/decision.ts';

/** For a person who is locked: what would be too large is refused before anything is written. */
export const attributesOf =
  (tx: Db, person: PersonRow): SetAttributes =>
  async (changes) => {
    assertFits(person, changes);
    await changeAttributes(tx, person, changes);
  };
