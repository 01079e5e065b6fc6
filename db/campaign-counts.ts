import { sql } from 'drizzle-orm';
import type { CampaignCounts } from '../domain/campaign/campaign-stats.ts';
import type { Campaign } from '../domain/campaign/campaign.ts';
import type { CampaignTotal } from './campaign-totals.ts';
import type { Db } from './open.ts';

export type CountedCampaign = {
  /** Those that somebody entered, and the current one, newest first; all, once something was deleted by age. */
  versions: Campaign[];
  counts: CampaignCounts;
};

/** What was deleted by age, and is counted still. */
const deleted = (id: string, kind: CampaignTotal['kind']) =>
  sql`from campaign_totals where campaign_id = ${id} and kind = ${kind}`;

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
              where journeys.campaign_id = ${id} and journeys.version = campaign_versions.version)
            or exists (select from campaign_totals where campaign_totals.campaign_id = ${id}))
          order by campaign_versions.version desc`),
        tx.execute<CampaignCounts['outcomes'][number]>(sql`
          select outcome, sum(number)::int as number
          from (
            select outcome, count(*) as number from outcomes where campaign_id = ${id} group by outcome
            union all select name, count ${deleted(id, 'outcome')}) as counted
          group by outcome order by outcome`),
        tx.execute<CampaignCounts['journeys']>(sql`
          select count(*) filter (where ended_at is null)::int as active,
            (count(*) filter (where state = 'completed')
              + coalesce((select sum(count) ${deleted(id, 'ended')} and name = 'completed'), 0))::int as completed,
            (count(*) filter (where state = 'exited')
              + coalesce((select sum(count) ${deleted(id, 'ended')} and name = 'exited'), 0))::int as exited
          from journeys where campaign_id = ${id}`),
        tx.execute<CampaignCounts['reached'][number]>(sql`
          select step, sum(number)::int as number
          from (
            select step, count(*) as number
            from journeys join journey_log on journey_id = id
            where campaign_id = ${id} and result is not null group by step
            union all select name, count ${deleted(id, 'step')}) as counted
          group by step`),
        tx.execute<CampaignCounts['deliveries'][number]>(sql`
          select step, state, sum(number)::int as number
          from (
            select step_id as step, state, count(*) as number
            from deliveries where campaign_id = ${id} group by step_id, state
            union all select name, state, count ${deleted(id, 'delivery')}) as counted
          group by step, state order by state`),
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
