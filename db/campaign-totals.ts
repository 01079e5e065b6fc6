import { asc, eq } from 'drizzle-orm';
import type { Db } from './open.ts';
import { campaignTotals } from './schema/retention.ts';

export type CampaignTotal = Omit<typeof campaignTotals.$inferSelect, 'campaignId'>;

/** How much of a campaign was deleted by age: what its figures have to add to the rows that are there. */
export function listCampaignTotals(db: Db, campaign: string): Promise<CampaignTotal[]> {
  const { kind, name, state, count } = campaignTotals;
  return db
    .select({ kind, name, state, count })
    .from(campaignTotals)
    .where(eq(campaignTotals.campaignId, campaign))
    .orderBy(asc(kind), asc(name), asc(state));
}
