import type { Campaign } from '../domain/campaign/campaign.ts';
import { findVersion } from './campaigns.ts';
import type { Db } from './open.ts';

const MOST_KEPT = 500;

export type VersionCache<T> = (db: Db, campaign: string, version: number) => Promise<T>;

/** Published versions never change: what `compile` makes of one is kept, the least recently used goes first. */
export function createVersionCache<T>(compile: (campaign: Campaign) => T): VersionCache<T> {
  const kept = new Map<string, T>();
  return async (db, campaign, version) => {
    const key = `${campaign}/${version}`;
    const found = kept.get(key) ?? compile(await readVersion(db, campaign, version));
    kept.delete(key);
    kept.set(key, found);
    const oldest = kept.keys().next().value;
    if (kept.size > MOST_KEPT && oldest !== undefined) kept.delete(oldest);
    return found;
  };
}

async function readVersion(db: Db, campaign: string, version: number): Promise<Campaign> {
  const definition = await findVersion(db, campaign, version);
  if (!definition) throw new Error(`campaign ${campaign} has no version ${version}`);
  return definition;
}
