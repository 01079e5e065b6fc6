import { sql } from 'drizzle-orm';
import type { CampaignCounts } from '../domain/campaign/campaign-stats.ts';
import type { Campaign } from '../domain/campaign/campaign.ts';
import type { Db } from './open.ts';

export type CountedCampaign = {
  /** Those that somebody entered, and the current one, newest first. */
  versions: Campaign[];
  counts: CampaignCounts;
};

/** Counts what became of everybody in a campaign, as of one moment; undefined where there is none. */
export function countCampaign(db: Db, id: string): Promise<CountedCampaign | undefined> {
  return db.transaction(
    async (tx) => {
      const [versions, outcomes, [journeys], reached, deliveries, conversions, choices] = await Promise.all([
        tx.execute<{ definition: Campaign }>(sql`
          select definition from campaign_versions join campaigns on id = campaign_id
          where id = ${id} and (
            campaign_versions.version = campaigns.version
            or exists (
              select from journeys
              where journeys.campaign_id = ${id} and journeys.version = campaign_versions.version))
          order by campaign_versions.version desc`),
        tx.execute<CampaignCounts['outcomes'][number]>(sql`
          select outcome, count(*)::int as number from outcomes where campaign_id = ${id} group by outcome order by outcome`),
        tx.execute<CampaignCounts['journeys']>(sql`
          select count(*) filter (where ended_at is null)::int as active,
            count(*) filter (where state = 'completed')::int as completed, count(*) filter (where state = 'exited')::int as exited
          from journeys where campaign_id = ${id}`),
        tx.execute<CampaignCounts['reached'][number]>(sql`
          select step, count(*)::int as number
          from journeys join journey_log on journey_id = id
          where campaign_id = ${id} and result is not null group by step`),
        tx.execute<CampaignCounts['deliveries'][number]>(sql`
          select step_id as step, state, count(*)::int as number
          from deliveries where campaign_id = ${id} group by step_id, state order by state`),
        tx.execute<CampaignCounts['conversions'][number]>(sql`
          select step_id as step, count(*)::int as number from conversions where campaign_id = ${id} group by step_id`),
        tx.execute<CampaignCounts['choices'][number]>(sql`
          select split_id as split, variant, count(*)::int as entries, count(conversions.journey_id)::int as conversions
          from split_choices left join conversions using (journey_id)
          where split_choices.campaign_id = ${id} group by split_id, variant`),
      ]);
      const counts = {
        outcomes,
        journeys: journeys ?? { active: 0, completed: 0, exited: 0 },
        reached,
        deliveries,
        conversions,
        choices,
      };
      return versions.length === 0 ? undefined : { versions: versions.map(({ definition }) => definition), counts };
    },
    { isolationLevel: 'repeatable read', accessMode: 'read only' },
  );
}
