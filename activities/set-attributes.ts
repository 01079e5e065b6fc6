import type { Db } from '../db/open.ts';
import { changeAttributes, type PersonRow } from '../db/people.ts';
import type { ChangeCause } from '../db/schema/people.ts';
import type { SetAttributes } from '../domain/journey/decision.ts';

/** For a person who is locked: what would be too large is refused before anything is written. */
export const attributesOf =
  (tx: Db, person: PersonRow, cause: ChangeCause): SetAttributes =>
  async (changes) => {
    await changeAttributes(tx, person, changes, cause);
  };
