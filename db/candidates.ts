import { eq, or, sql, type SQL } from 'drizzle-orm';
import { readersTurn } from './campaign-turns.ts';
import type { Db } from './open.ts';
import { campaigns, type CampaignState, type TriggerType } from './schema/campaigns.ts';

export type Candidate = { campaign: string; state: CampaignState; version: number };

/** A campaign with what its current version starts on. */
export type HeldCampaign = Candidate & { triggerType: TriggerType; triggerName: string | null };

/** What campaigns may start on, by name, and campaigns that are named themselves. */
export type Wanted = { events: string[]; attributes: string[]; segments: string[]; campaigns: string[] };

/**
 * The campaigns that are named, or whose current version starts on one of these, in the order of ids, held `for share`: their state
 * cannot change before the entries are recorded. All at once, and before anything of a journey: those who pause or stop a campaign hold
 * it and then come to its journeys.
 */
export async function holdCandidates(
  tx: Db,
  { events, attributes, segments, campaigns: ids }: Wanted,
): Promise<HeldCampaign[]> {
  const parts = [
    named('event', events),
    named('attribute', attributes),
    named('segment', segments),
    ids.length > 0 ? sql`${campaigns.id} = any(${sql.param(ids)}::text[])` : undefined,
  ];
  const isWanted = or(...parts);
  if (!isWanted) return [];
  const [, rows] = await Promise.all([
    tx
      .select({ turn: readersTurn(sql`${campaigns.id}`) })
      .from(campaigns)
      .where(isWanted)
      .orderBy(campaigns.id),
    // One table: whoever waits here for a publication judges the new row, and a join would still hold the old version beside it.
    tx
      .select({
        campaign: campaigns.id,
        state: campaigns.state,
        version: campaigns.version,
        triggerType: campaigns.triggerType,
        triggerName: campaigns.triggerName,
      })
      .from(campaigns)
      .where(isWanted)
      .orderBy(campaigns.id)
      .for('share'),
  ]);
  return rows;
}

const named = (type: TriggerType, names: string[]): SQL | undefined =>
  names.length > 0
    ? sql`(${campaigns.triggerType} = ${type} and ${campaigns.triggerName} = any(${sql.param(names)}::text[]))`
    : undefined;

/** Those of the campaigns that start on it. */
export const startingOn = (held: HeldCampaign[], type: TriggerType, name: string): HeldCampaign[] =>
  held.filter(({ triggerType, triggerName }) => triggerType === type && triggerName === name);

/** The campaign of a broadcast, on the version that was current when the broadcast was made; held `for share`. */
export async function candidateOf(tx: Db, broadcast: { campaignId: string; version: number }): Promise<Candidate[]> {
  const [, rows] = await Promise.all([
    tx.execute(sql`select ${readersTurn(sql`${broadcast.campaignId}`)}`),
    tx
      .select({ campaign: campaigns.id, state: campaigns.state })
      .from(campaigns)
      .where(eq(campaigns.id, broadcast.campaignId))
      .for('share'),
  ]);
  return rows.map((row) => ({ ...row, version: broadcast.version }));
}
