import type { Db } from '../db/open.ts';
import { listUnseen } from '../db/seen-names.ts';
import { unsentWarning, type SentName } from '../domain/campaign/sent-names.ts';

/** Warns of events and attributes that nobody has sent yet: a typo is the commonest reason that a campaign does nothing. */
export async function unsentWarnings(db: Db, names: SentName[]): Promise<string[]> {
  const unseen = await Promise.all(
    (['event', 'attribute'] as const).map(async (kind) => {
      const own = names.filter((one) => one.kind === kind).map(({ name }) => name);
      const found = own.length === 0 ? [] : await listUnseen(db, kind, own);
      return found.map(({ name, near }): [string, string[]] => [`${kind}/${name}`, near]);
    }),
  );
  const near = new Map(unseen.flat());
  return names.flatMap((one) => {
    const known = near.get(`${one.kind}/${one.name}`);
    return known ? [unsentWarning(one, known)] : [];
  });
}
