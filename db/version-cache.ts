import type { CompiledCampaign } from '../domain/campaign/compiled-campaign.ts';
import type { CompiledWebhook } from '../domain/campaign/compiled-webhook.ts';
import type { Db } from './open.ts';

const MOST_KEPT = 500;

export type VersionCache<T> = (db: Db, id: string, version: number) => Promise<T>;

/** Published campaigns and stored webhooks with their templates parsed: once in a process, whoever asks. */
export type CompiledVersions = { campaigns: VersionCache<CompiledCampaign>; webhooks: VersionCache<CompiledWebhook> };

/** Stored versions never change: what `make` makes of one is kept, the least recently used goes first. `find` reads one. */
export function createVersionCache<D, T>(
  find: (db: Db, id: string, version: number) => Promise<D | undefined>,
  make: (definition: D, id: string) => T,
): VersionCache<T> {
  const kept = new Map<string, T>();
  const read = async (db: Db, id: string, version: number) => {
    const definition = await find(db, id, version);
    if (definition === undefined) throw new Error(`${id} has no version ${version}`);
    return make(definition, id);
  };
  return async (db, id, version) => {
    const key = `${id}/${version}`;
    const found = kept.get(key) ?? (await read(db, id, version));
    kept.delete(key);
    kept.set(key, found);
    const oldest = kept.keys().next().value;
    if (kept.size > MOST_KEPT && oldest !== undefined) kept.delete(oldest);
    return found;
  };
}
