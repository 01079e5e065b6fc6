import { or, sql, type SQL } from 'drizzle-orm';
import { holdCampaigns } from './campaigns.ts';
import type { BroadcastRow } from './inbox.ts';
import type { Db } from './open.ts';
import { campaigns, type CampaignState, type TriggerType } from './schema/campaigns.ts';

export type Candidate = { campaign: string; state: CampaignState; version: number };

/** A campaign with what its current version starts on, and when it was last stopped; one that is live, or starts on a segment, is held. */
export type HeldCampaign = Candidate & {
  triggerType: TriggerType;
  triggerName: string | null;
  stoppedAt: Date | null;
};

/** What campaigns may start on, by name, and campaigns that are named themselves. */
export type Wanted = { events: string[]; attributes: string[]; segments: string[]; campaigns: string[] };

/**
 * The campaigns that are named, or whose current version starts on one of these, in the order of ids. Those that are live are held: their
 * state cannot change before the entries are recorded, and one that was paused meanwhile is among them, as it is then. So are all that start
 * on a segment: their start, which may let in its members, comes before this, and lets the person in here, or after it, and finds them.
 * Nobody enters the others, which are only read. All at once, and before anything of a journey: those who pause or stop a campaign hold it
 * and then come to its journeys.
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
  const found = await tx.select().from(campaigns).where(isWanted).orderBy(campaigns.id);
  const toHold = found.flatMap(({ id, state, triggerType }) =>
    state === 'live' || triggerType === 'segment' ? [id] : [],
  );
  const held = new Map((await holdCampaigns(tx, toHold)).map((row) => [row.id, row]));
  return found.map((row) => {
    const { id, state, version, triggerType, triggerName, stoppedAt } = held.get(row.id) ?? row;
    return { campaign: id, state, version, triggerType, triggerName, stoppedAt };
  });
}

const named = (type: TriggerType, names: string[]): SQL | undefined =>
  names.length > 0
    ? sql`(${campaigns.triggerType} = ${type} and ${campaigns.triggerName} = any(${sql.param(names)}::text[]))`
    : undefined;

/** Those of the campaigns that start on it. */
export const startingOn = (held: HeldCampaign[], type: TriggerType, name: string): HeldCampaign[] =>
  held.filter(({ triggerType, triggerName }) => triggerType === type && triggerName === name);

/** As a broadcast finds it: for one from before its last stop it is stopped, also where it was started again. */
export const asOf = (broadcast: BroadcastRow, one: HeldCampaign): Candidate => ({
  ...one,
  version: broadcast.version,
  state: one.stoppedAt && one.stoppedAt >= broadcast.createdAt ? 'stopped' : one.state,
});
