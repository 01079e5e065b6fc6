import { eq, isNull } from 'drizzle-orm';
import type { Db } from './open.ts';
import { pageOf, pageQuery, type Page, type PageRequest } from './page.ts';
import { broadcasts, type BroadcastState } from './schema/campaigns.ts';

const { id, campaignId, version, state, occurrence, zone, selected, createdAt, endedAt } = broadcasts;
const shown = { id, campaignId, version, state, occurrence, zone, selected, createdAt, endedAt };

export type BroadcastRow = Pick<typeof broadcasts.$inferSelect, keyof typeof shown>;

/** Broadcasts without what became of their people, which takes counting each. Few run at a time, which an index has. */
export async function listBroadcasts(
  db: Db,
  page: PageRequest,
  filter: { campaign?: string | undefined; state?: BroadcastState | undefined },
): Promise<Page<BroadcastRow>> {
  const filters = [
    filter.campaign === undefined ? undefined : eq(campaignId, filter.campaign),
    filter.state && eq(state, filter.state),
    filter.state === 'running' ? isNull(endedAt) : undefined,
  ];
  const query = pageQuery(page, id, createdAt, filters, { prefix: 'brd' });
  const rows = await db.select(shown).from(broadcasts).where(query.where).orderBy(query.orderBy).limit(query.limit);
  return pageOf(rows, page.limit);
}
