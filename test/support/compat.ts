import { sql } from 'drizzle-orm';
import type { Answer, Hookline } from './hookline.ts';

/** What tests of other APIs' routes ask of our own. */
export async function createCompatClient(hookline: Hookline) {
  const keyFor = async (scope: string, fields: object = {}) => {
    const name = `${scope} ${JSON.stringify(fields)}`;
    return (await hookline.api<{ key: string }>('POST', '/v1/keys', { name, scope, ...fields })).body.key;
  };
  return {
    keys: { ingest: await keyFor('ingest'), operate: await keyFor('operate') },
    /** The second answer to a key that may ask once a minute. */
    async askTooOften<T extends Pick<Answer<unknown>, 'status' | 'headers'>>(ask: (key: string) => Promise<T>) {
      const key = await keyFor('ingest', { rateLimit: '1/m' });
      await ask(key);
      const answer = await ask(key);
      return { ...answer, retryAfter: Number(answer.headers.get('retry-after')) };
    },
    /** In the order in which campaigns see them. */
    eventsOf: async (id: string) => [
      ...(await hookline.database.db.execute<{ name: string; data: object }>(sql`
      select events.name, events.data from events join people on people.key = person_key where people.id = ${id} order by number`)),
    ],
    isKnown: async (id: string) => (await hookline.api('GET', `/v1/people/${encodeURIComponent(id)}`)).status === 200,
  };
}
