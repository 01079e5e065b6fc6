import { and, countDistinct, eq, getTableColumns, isNull, sql } from 'drizzle-orm';
import type { Campaign } from '../domain/campaign/campaign.ts';
import { HooklineError } from '../domain/errors.ts';
import type { Plan } from '../domain/walk.ts';
import { holdSegments } from './hold-segments.ts';
import { wakeBroadcastsOf } from './broadcast-wakes.ts';
import { readersTurn, writersTurn } from './campaign-turns.ts';
import { dropDue, settleOccurrences } from './occurrences.ts';
import type { Db } from './open.ts';
import { pageOf, pageQuery, type Page, type PageRequest } from './page.ts';
import { campaigns, campaignVersions, type CampaignState } from './schema/campaigns.ts';
import { journeys } from './schema/journeys.ts';
import { startSweep } from './sweeps.ts';

export type CampaignRow = typeof campaigns.$inferSelect & { definition: Campaign };

export async function findCampaign(db: Db, id: string): Promise<CampaignRow | undefined> {
  const [row] = await selectCampaign(db).where(eq(campaigns.id, id));
  return row && { ...row.campaign, definition: row.definition };
}

export async function findVersion(db: Db, id: string, version: number): Promise<Campaign | undefined> {
  const [row] = await db
    .select({ definition: campaignVersions.definition })
    .from(campaignVersions)
    .where(and(eq(campaignVersions.campaignId, id), eq(campaignVersions.version, version)));
  return row?.definition;
}

/** A version as it was published, and how many people are inside of it. */
export async function findPublished(db: Db, id: string, version: number) {
  const [row] = await db
    .select()
    .from(campaignVersions)
    .where(and(eq(campaignVersions.campaignId, id), eq(campaignVersions.version, version)));
  return row && { ...row, inside: (await countInside(db, id))[version] ?? 0 };
}

/**
 * The rows of these campaigns, in the order of ids, held `for share`: neither state nor version changes meanwhile. One table: whoever
 * waits here for a publication judges the new row, and a join would still hold the old version beside it.
 */
export async function holdCampaigns(tx: Db, ids: string[]): Promise<(typeof campaigns.$inferSelect)[]> {
  if (ids.length === 0) return [];
  const wanted = sql`${sql.param(ids)}::text[]`;
  const [, rows] = await Promise.all([
    tx.execute(sql`select ${readersTurn(sql`id`)} from unnest(${wanted}) as wanted (id) order by id`),
    tx
      .select()
      .from(campaigns)
      .where(sql`${campaigns.id} = any(${wanted})`)
      .orderBy(campaigns.id)
      .for('share'),
  ]);
  return rows;
}

/** The version that new entries get; undefined where there is no such campaign. */
export async function findCurrentVersion(db: Db, id: string): Promise<number | undefined> {
  const [row] = await db.select({ version: campaigns.version }).from(campaigns).where(eq(campaigns.id, id));
  return row?.version;
}

/** A page of campaigns in the order of their ids, without their definitions. */
export async function listCampaigns(db: Db, page: PageRequest): Promise<Page<typeof campaigns.$inferSelect>> {
  const query = pageQuery(page, campaigns.id, campaigns.createdAt, []);
  const rows = await db
    .select(shownColumns)
    .from(campaigns)
    .innerJoin(campaignVersions, isCurrent)
    .where(query.where)
    .orderBy(query.orderBy)
    .limit(query.limit);
  return pageOf(rows, page.limit);
}

/** The ids of all campaigns, in order. */
export async function listCampaignIds(db: Db): Promise<string[]> {
  const rows = await db.select({ id: campaigns.id }).from(campaigns).orderBy(campaigns.id);
  return rows.map(({ id }) => id);
}

const isCurrent = and(eq(campaignVersions.campaignId, campaigns.id), eq(campaignVersions.version, campaigns.version));

/** To whoever asks, a new version changes a campaign, also one that leaves its schedule. */
const shownColumns = {
  ...getTableColumns(campaigns),
  updatedAt: sql`greatest(${campaigns.updatedAt}, ${campaignVersions.createdAt})`.mapWith(campaigns.updatedAt),
};

const selectCampaign = (db: Db) =>
  db
    .select({ campaign: shownColumns, definition: campaignVersions.definition })
    .from(campaigns)
    .innerJoin(campaignVersions, isCurrent);

/**
 * Stores a definition as the campaign's next version, the first one in state `new`. The definition that is there already changes
 * nothing. Two at once take turns at the campaign's row, so that versions have no gaps and no doubles. The `segments` that it names stay
 * until it is stored; throws `campaigns.invalid` where one was deleted a moment ago.
 */
export async function publishVersion(
  db: Db,
  definition: Campaign & { id: string },
  plan: Plan,
  segments: string[] = [],
): Promise<Pick<CampaignRow, 'version' | 'state'>> {
  return db.transaction(async (tx) => {
    await tx.execute(sql`select ${writersTurn(definition.id)}`);
    await tx
      .insert(campaigns)
      .values({ id: definition.id, state: 'new', version: 0, ...triggerOf(definition) })
      .onConflictDoNothing({ target: campaigns.id });
    const [campaign] = await tx.select().from(campaigns).where(eq(campaigns.id, definition.id)).for('no key update');
    if (!campaign) throw new Error('a campaign vanished while it was published');
    const published = campaign.version > 0 ? await findVersion(tx, campaign.id, campaign.version) : undefined;
    if (published && isSame(published, definition)) return campaign;
    const [gone] = await holdSegments(tx, segments);
    if (gone !== undefined)
      throw new HooklineError('campaigns.invalid', `The segment "${gone}" was deleted meanwhile.`);
    const version = campaign.version + 1;
    const keepsSchedule = published && isSameSchedule(published, definition);
    if (!keepsSchedule) await dropDue(tx, campaign.id);
    await tx.insert(campaignVersions).values({ campaignId: campaign.id, version, definition, plan });
    await tx
      .update(campaigns)
      .set({ version, ...triggerOf(definition), ...(!keepsSchedule && { updatedAt: sql`clock_timestamp()` }) })
      .where(eq(campaigns.id, campaign.id));
    // A campaign that is not running is gone through when it is started.
    const isRunning = campaign.state === 'live' || campaign.state === 'paused';
    const hasDates = definition.trigger.type === 'date' || published?.trigger.type === 'date';
    if (isRunning && hasDates) await startSweep(tx, 'fillDates', campaign.id);
    return { version, state: campaign.state };
  });
}

/** What the relay looks a campaign up by. */
function triggerOf({ trigger }: Campaign): Pick<CampaignRow, 'triggerType' | 'triggerName'> {
  return { triggerType: trigger.type, triggerName: nameOf(trigger) };
}

function nameOf(trigger: Campaign['trigger']): string | null {
  switch (trigger.type) {
    case 'event':
      return trigger.event;
    case 'segment':
      return trigger.segment;
    case 'attribute':
    case 'date':
      return trigger.attribute;
    case 'schedule':
    case 'manual':
      return null;
  }
}

/** Whether both read the same as JSON, in the order of their keys too: it reaches rendered bodies. */
export const isSame = (a: object, b: object) => JSON.stringify(a) === JSON.stringify(b);

const isSameSchedule = (a: Campaign, b: Campaign) =>
  isSame([a.trigger, a.timezone ?? null], [b.trigger, b.timezone ?? null]);

/** The version and state that publishing would lead to. */
export async function wouldPublish(
  db: Db,
  definition: Campaign & { id: string },
): Promise<Pick<CampaignRow, 'version' | 'state'>> {
  const published = await findCampaign(db, definition.id);
  if (!published) return { version: 1, state: 'new' };
  const version = isSame(published.definition, definition) ? published.version : published.version + 1;
  return { version, state: published.state };
}

/**
 * Sets the state if the campaign is in one of `from`, and answers the campaign as it is then; undefined where there is none.
 * The update waits for entries and claims under way. With `exit` whoever entered before is to leave.
 */
export async function changeCampaignState(
  db: Db,
  id: string,
  from: CampaignState[],
  to: CampaignState,
  { exit = false }: { exit?: boolean } = {},
): Promise<(CampaignRow & { hasChanged: boolean }) | undefined> {
  return db.transaction(async (tx) => {
    await tx.execute(sql`select ${writersTurn(id)}`);
    const [before] = await tx.select().from(campaigns).where(eq(campaigns.id, id)).for('no key update');
    if (!before) return undefined;
    const changes = from.includes(before.state);
    if (changes)
      await tx
        .update(campaigns)
        .set({
          state: to,
          ...(to === 'stopped' && { stoppedAt: sql`clock_timestamp()` }),
          ...(exit && { exitBefore: sql`clock_timestamp()` }),
          updatedAt: sql`clock_timestamp()`,
        })
        .where(eq(campaigns.id, id));
    if (to === 'live' && from.includes(before.state) && before.triggerType === 'date')
      await startSweep(tx, 'fillDates', id);
    const campaign = await findCampaign(tx, id);
    if (!campaign) throw new Error('a campaign vanished while its state changed');
    if (changes) {
      await settleOccurrences(tx, campaign.definition, { from: before.state, to });
      await wakeBroadcastsOf(tx, id);
    }
    return { ...campaign, hasChanged: changes };
  });
}

/** How many people are inside, by version; versions without anybody are left out. */
export async function countInside(db: Db, id: string): Promise<Record<string, number>> {
  const rows = await db
    .select({ version: journeys.version, people: countDistinct(journeys.personKey) })
    .from(journeys)
    .where(and(eq(journeys.campaignId, id), isNull(journeys.endedAt)))
    .groupBy(journeys.version);
  return Object.fromEntries(rows.map((row) => [row.version, row.people]));
}
