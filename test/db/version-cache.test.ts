import { sql } from 'drizzle-orm';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { findVersion, publishVersion } from '../../db/campaigns.ts';
import { createVersionCache } from '../../db/version-cache.ts';
import { validateCampaign } from '../../domain/campaign/campaign.ts';
import { compilePlan } from '../../domain/campaign/plan.ts';
import { createTestDatabase, type TestDatabase } from '../support/database.ts';

let database: TestDatabase;

beforeAll(async () => {
  database = await createTestDatabase();
});
afterAll(() => database.close());

async function publish(id: string, name: string) {
  const definition = { id, name, trigger: { type: 'manual' }, steps: [{ type: 'delay', for: '1h' }] };
  const { campaign } = validateCampaign(definition, id);
  return publishVersion(database.db, { ...campaign, id }, compilePlan(campaign));
}

/** A cache that remembers what it has compiled. */
function recordingCache() {
  const compiled: string[] = [];
  const versions = createVersionCache(findVersion, (campaign) => {
    compiled.push(campaign.name ?? '');
    return { name: campaign.name };
  });
  return { compiled, read: (id: string, version: number) => versions(database.db, id, version) };
}

describe('the cache of published versions', () => {
  it('compiles each version once, and a new version beside the old one', async () => {
    await publish('tour', 'first');
    await publish('tour', 'second');
    const { compiled, read } = recordingCache();
    const one = await read('tour', 1);
    expect(one).toEqual({ name: 'first' });
    expect(await read('tour', 2)).toEqual({ name: 'second' });
    expect(await read('tour', 1)).toBe(one);
    expect(compiled).toEqual(['first', 'second']);
  });

  it('lets the least recently used go first', async () => {
    await publish('many', 'many');
    await database.db.execute(sql`
      insert into campaign_versions (campaign_id, version, definition, plan)
      select campaign_id, number, (definition::jsonb || jsonb_build_object('name', 'many ' || number))::json, plan
      from campaign_versions, generate_series(2, 501) as number where campaign_id = 'many'`);
    const { compiled, read } = recordingCache();
    for (let version = 1; version <= 500; version += 1) await read('many', version);
    await read('many', 1);
    await read('many', 501);
    expect(compiled).toHaveLength(501);
    await read('many', 1);
    await read('many', 2);
    expect(compiled.slice(501)).toEqual(['many 2']);
  });

  it('does not keep a failure', async () => {
    const { read } = recordingCache();
    await expect(read('later', 1)).rejects.toThrow('later has no version 1');
    await publish('later', 'now');
    expect(await read('later', 1)).toEqual({ name: 'now' });
  });
});
