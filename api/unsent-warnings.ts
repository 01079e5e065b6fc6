import type { Db } from '../db/open.ts';
import { listUnseen } from '../db/seen-names.ts';
import { unsentWarning, type SentName } from '../domain/campaign/sent-names.ts';

/** Warns of events and attributes that nobody has sent yet: a typo is the commonest reason that a campaign does nothing. */
export async function unsentWarnings(db: Db, names: SentName[]): Promise<string[]> {
  const unseen = await listUnseen(db, names);
  const near = new Map(unseen.map((one) => [`${one.kind}/${one.name}`, one.near]));
  return names.flatMap((one) => {
    const known = near.get(`${one.kind}/${one.name}`);
    return known ? [unsentWarning(one, known)] : [];
  });
}
