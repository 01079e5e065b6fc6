import { eq } from 'drizzle-orm';
import type { Db } from './open.ts';
import { pageOf, pageQuery, type Page, type PageRequest } from './page.ts';
import { broadcasts, type BroadcastState } from './schema/campaigns.ts';

export type BroadcastRow = typeof broadcasts.$inferSelect;

/** Broadcasts without what became of their people, which takes counting each. */
export async function listBroadcasts(
  db: Db,
  page: PageRequest,
  { campaign, state }: { campaign?: string | undefined; state?: BroadcastState | undefined },
): Promise<Page<BroadcastRow>> {
  const filters = [
    campaign === undefined ? undefined : eq(broadcasts.campaignId, campaign),
    state && eq(broadcasts.state, state),
  ];
  const query = pageQuery(page, broadcasts.id, broadcasts.createdAt, filters, { prefix: 'brd' });
  const rows = await db.select().from(broadcasts).where(query.where).orderBy(query.orderBy).limit(query.limit);
  return pageOf(rows, page.limit);
}
