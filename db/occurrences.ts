import { and, eq, lte, sql } from 'drizzle-orm';
import type { Campaign } from '../domain/campaign/campaign.ts';
import type { Db } from './open.ts';
import { campaigns, occurrences, type CampaignState } from './schema/campaigns.ts';

export type OccurrenceRow = typeof occurrences.$inferSelect;
export type NewOccurrence = Pick<OccurrenceRow, 'localTime' | 'zone' | 'dueAt'>;

/**
 * Keeps a schedule right when the state of its campaign, which is held, has changed: at each start one without a time goes off, what
 * came while the campaign was paused is missed, and what is to come of one that is not live any more goes.
 */
export async function settleOccurrences(
  tx: Db,
  { id, trigger }: Pick<Campaign, 'id' | 'trigger'>,
  { from, to }: { from: CampaignState; to: CampaignState },
): Promise<void> {
  if (trigger.type !== 'schedule' || from === to) return;
  const due = sql`campaign_id = ${id} and state = 'due'`;
  if (from === 'paused' && to === 'live') {
    await tx.execute(sql`update occurrences set state = 'missed' where ${due} and due_at <= clock_timestamp()`);
  } else if (to !== 'paused') {
    await dropDue(tx, id);
  }
  const isImmediate = trigger.at === undefined && trigger.cron === undefined;
  if (isImmediate && to === 'live' && from !== 'paused') {
    await tx.execute(sql`
      insert into occurrences (campaign_id, local_time, zone, due_at)
      select ${id}, to_char(started at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"'), 'UTC', started
      from clock_timestamp() as started
      on conflict do nothing`);
  }
}

/** Forgets what is to come of a schedule whose campaign is held. */
export async function dropDue(tx: Db, campaign: string): Promise<void> {
  await tx.delete(occurrences).where(and(eq(occurrences.campaignId, campaign), eq(occurrences.state, 'due')));
}

export type LiveSchedule = { campaign: string; version: number; changedAt: Date };

/** Campaigns that start by a schedule now. A glance without locks. */
export function listLiveSchedules(db: Db): Promise<LiveSchedule[]> {
  return db
    .select({ campaign: campaigns.id, version: campaigns.version, changedAt: campaigns.updatedAt })
    .from(campaigns)
    .where(and(eq(campaigns.triggerType, 'schedule'), eq(campaigns.state, 'live')))
    .orderBy(campaigns.id);
}

/** The last occurrence of a campaign in each of these zones, and whether it has still to go off; zones without any are left out. */
export async function listLatest(
  db: Db,
  campaign: string,
  zones: string[],
): Promise<Map<string, NewOccurrence & { isDue: boolean }>> {
  const rows = await db.execute<{ zone: string; local_time: string; ms: number; state: string }>(sql`
    select zone.zone, local_time, extract(epoch from due_at)::float8 * 1000 as ms, state
    from unnest(${sql.param(zones)}::text[]) as zone (zone)
    cross join lateral (
      select local_time, due_at, state from occurrences
      where campaign_id = ${campaign} and occurrences.zone = zone.zone
      order by due_at desc, local_time desc limit 1) as latest`);
  return new Map(
    rows.map(({ zone, local_time, ms, state }) => [
      zone,
      { zone, localTime: local_time, dueAt: new Date(ms), isDue: state === 'due' },
    ]),
  );
}

/** Adds occurrences of a schedule, unless it was changed since it was looked at. */
export async function insertOccurrences(
  db: Db,
  { campaign, version, changedAt }: LiveSchedule,
  planned: NewOccurrence[],
): Promise<void> {
  await db.transaction(async (tx) => {
    const [held] = await tx.select().from(campaigns).where(eq(campaigns.id, campaign)).for('share');
    const isSame = held?.version === version && held.updatedAt.getTime() === changedAt.getTime();
    if (!isSame || held.state !== 'live') return;
    await tx
      .insert(occurrences)
      .values(planned.map((each) => ({ campaignId: campaign, ...each })))
      .onConflictDoNothing();
  });
}

/** When a schedule goes off next: one for each of its zones, the next 100. What is due while it is paused is missed. */
export function listUpcoming(db: Db, campaign: string): Promise<NewOccurrence[]> {
  return db
    .select({ localTime: occurrences.localTime, zone: occurrences.zone, dueAt: occurrences.dueAt })
    .from(occurrences)
    .where(and(eq(occurrences.campaignId, campaign), sql`state = 'due'`))
    .orderBy(occurrences.dueAt, occurrences.zone)
    .limit(100);
}

/** Campaigns of which an occurrence is due. A glance without locks. */
export async function listDueSchedules(db: Db, now: Date): Promise<string[]> {
  const rows = await db.selectDistinct({ campaign: occurrences.campaignId }).from(occurrences).where(isDue(now));
  return rows.map(({ campaign }) => campaign);
}

/** What is due of a campaign, which is held, in order; nobody else takes it up meanwhile. */
export function lockDue(tx: Db, campaign: string, now: Date): Promise<OccurrenceRow[]> {
  return tx
    .select()
    .from(occurrences)
    .where(and(eq(occurrences.campaignId, campaign), isDue(now)))
    .orderBy(occurrences.dueAt, occurrences.localTime, occurrences.zone)
    .for('update');
}

const isDue = (now: Date) => and(eq(occurrences.state, 'due'), lte(occurrences.dueAt, now));

export async function closeOccurrence(
  tx: Db,
  { campaignId, localTime, zone }: OccurrenceRow,
  state: 'fired' | 'missed',
): Promise<void> {
  await tx
    .update(occurrences)
    .set({ state })
    .where(
      and(eq(occurrences.campaignId, campaignId), eq(occurrences.localTime, localTime), eq(occurrences.zone, zone)),
    );
}
