import { eq, sql } from 'drizzle-orm';
import { newId } from './id.ts';
import type { Db } from './open.ts';
import { pageOf, pageQuery, type Page, type PageRequest } from './page.ts';
import { apiKeys } from './schema/api-keys.ts';

export type ApiKeyRow = typeof apiKeys.$inferSelect;

export type NewApiKey = Pick<ApiKeyRow, 'name' | 'scope' | 'digest' | 'rateLimit' | 'expiresAt'>;

/** Undefined where another key has the name. */
export async function insertApiKey(db: Db, key: NewApiKey): Promise<ApiKeyRow | undefined> {
  const [created] = await db
    .insert(apiKeys)
    .values({ id: newId('key'), ...key })
    .onConflictDoNothing({ target: apiKeys.name })
    .returning();
  return created;
}

/** All of them, for those who check requests. */
export async function readApiKeys(db: Db): Promise<ApiKeyRow[]> {
  return db.select().from(apiKeys);
}

export async function listApiKeys(db: Db, page: PageRequest): Promise<Page<ApiKeyRow>> {
  const query = pageQuery(page, apiKeys.id, apiKeys.createdAt, [], { prefix: 'key' });
  const rows = await db.select().from(apiKeys).where(query.where).orderBy(query.orderBy).limit(query.limit);
  return pageOf(rows, page.limit);
}

/** Answers whether it was there. */
export async function deleteApiKey(db: Db, id: string): Promise<boolean> {
  const gone = await db.delete(apiKeys).where(eq(apiKeys.id, id)).returning({ id: apiKeys.id });
  return gone.length > 0;
}

/** Notes when keys were last used; of several processes the latest time stays. Rows are held in order, as others write them too. */
export async function recordUses(db: Db, uses: { id: string; at: Date }[]): Promise<void> {
  const ids = uses.map(({ id }) => id);
  const times = uses.map(({ at }) => at.toISOString());
  await db.execute(sql`
    with used as (
      select k.id, u.at::timestamptz as at from unnest(${sql.param(ids)}::text[], ${sql.param(times)}::text[]) as u (id, at)
      join api_keys k on k.id = u.id order by k.id for no key update of k
    )
    update api_keys set last_used_at = greatest(last_used_at, used.at) from used where api_keys.id = used.id`);
}
