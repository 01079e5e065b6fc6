import { listCampaignIds } from '../db/campaigns.ts';
import type { Db } from '../db/open.ts';
import { listUnseen } from '../db/seen-names.ts';
import { unsentWarning, type SentName } from '../domain/campaign/sent-names.ts';

/** Warns of events and attributes that nobody has sent yet, and of campaigns that are not there: a typo is the commonest reason that a campaign does nothing. */
export async function unsentWarnings(db: Db, names: SentName[]): Promise<string[]> {
  const [unseen, ids] = await Promise.all([
    listUnseen(
      db,
      names.flatMap(({ kind, name }) => (kind === 'campaign' ? [] : [{ kind, name }])),
    ),
    names.some(({ kind }) => kind === 'campaign') ? listCampaignIds(db) : Promise.resolve([]),
  ]);
  const near = new Map(unseen.map((one) => [`${one.kind}/${one.name}`, one.near]));
  return names.flatMap((one) => {
    const { kind, name } = one;
    const known = kind === 'campaign' ? !ids.includes(name) && ids : near.get(`${kind}/${name}`);
    return known ? [unsentWarning(one, known)] : [];
  });
}
