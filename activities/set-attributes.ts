import type { Db } from '../db/open.ts';
import { changeAttributes, type PersonRow } from '../db/people.ts';
import type { ChangeCause } from '../db/schema/people.ts';
import type { SetAttributes } from '../domain/journey/decision.ts';

/** Notes that something was left for the relay, which is to be woken after the commit. */
export type Left = { isLeft: boolean };

/** For a person who is locked: what would be too large is refused before anything is written. */
export const attributesOf =
  (
    tx: Db,
    person: PersonRow,
    cause: ChangeCause,
    { journey, left }: { journey: string | null; left: Left },
  ): SetAttributes =>
  async (changes) => {
    const { isLeft } = await changeAttributes(tx, person, changes, cause, { journey });
    left.isLeft ||= isLeft;
  };

/** Runs what may leave something for the relay, and wakes the relays once it is committed. */
export async function woken<T>(wake: () => void, run: (left: Left) => Promise<T>): Promise<T> {
  const left: Left = { isLeft: false };
  const result = await run(left);
  if (left.isLeft) wake();
  return result;
}
