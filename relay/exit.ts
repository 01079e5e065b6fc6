import { exitPage, listExitingCampaigns } from '../db/campaign-exit.ts';
import type { Db } from '../db/open.ts';

/** Goes on ending the journeys of campaigns that were stopped, a page of each. Answers how many journeys it looked at. */
export async function exitStopped(db: Db, now: Date): Promise<number> {
  let exited = 0;
  for (const campaign of await listExitingCampaigns(db)) exited += await exitPage(db, campaign, now);
  return exited;
}
