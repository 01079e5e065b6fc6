import type { Db } from '../db/open.ts';
import { freeHeldBack, listFreedCampaigns } from '../db/paused.ts';

/** Tells deliveries whose campaign goes on again that they may come, a page of each campaign. Answers how many were told. */
export async function freeResumed(db: Db, now: Date): Promise<number> {
  let freed = 0;
  for (const campaign of await listFreedCampaigns(db)) freed += await freeHeldBack(db, campaign, now);
  return freed;
}
