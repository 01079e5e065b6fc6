import { eq, sql } from 'drizzle-orm';
import { readersTurn } from './campaign-turns.ts';
import type { Db } from './open.ts';
import { campaigns } from './schema/campaigns.ts';
import { deliveries } from './schema/deliveries.ts';
import { pausedDeliveries } from './schema/destinations.ts';

/** So many are told at once after a pause. */
const FREED_AT_ONCE = 500;

/**
 * Keeps the state of a delivery's campaign as it is until the transaction ends, to be called before the delivery is locked: a pause waits
 * for claims that have begun, and whoever is held back by a claim is there for the resume that follows.
 */
export async function takeCampaignsTurn(tx: Db, deliveryId: string): Promise<void> {
  await tx.execute(sql`select ${readersTurn(sql`campaign_id`)} from deliveries where id = ${deliveryId}`);
}

/** Whether a delivery's campaign is paused, and since when it is held back, if it was not told yet that it may come. */
export async function readPause(tx: Db, deliveryId: string): Promise<{ isPaused: boolean; heldSince: Date | null }> {
  const [row] = await tx
    .select({ state: campaigns.state, since: pausedDeliveries.since })
    .from(deliveries)
    .leftJoin(campaigns, eq(campaigns.id, deliveries.campaignId))
    .leftJoin(pausedDeliveries, eq(pausedDeliveries.deliveryId, deliveries.id))
    .where(eq(deliveries.id, deliveryId));
  return { isPaused: row?.state === 'paused', heldSince: row?.since ?? null };
}

/** Holds back a delivery, which is locked. It leaves the line at its destination, and has waited since it came there. */
export async function holdBack(
  tx: Db,
  { id, campaign, workflowId, now }: { id: string; campaign: string; workflowId: string; now: Date },
): Promise<void> {
  await tx.execute(sql`
    with line as (
      delete from parked where delivery_id = ${id} returning since
    )
    insert into paused_deliveries (delivery_id, campaign_id, workflow_id, since)
    values (${id}, ${campaign}, ${workflowId}, coalesce((select since from line), ${now.toISOString()}::timestamptz))
    on conflict (delivery_id) do update set workflow_id = excluded.workflow_id`);
}

/** Campaigns that are not paused, or not any more, with deliveries that have still to be told. A glance without locks. */
export async function listFreedCampaigns(db: Db): Promise<string[]> {
  const rows = await db.execute<{ id: string }>(sql`
    select id from campaigns
    where state <> 'paused' and exists (select from paused_deliveries where campaign_id = campaigns.id)`);
  return rows.map(({ id }) => id);
}

/**
 * Tells the oldest deliveries that a campaign holds back that they may come, unless it is paused: each row goes with the command that
 * wakes its workflow, so nobody is told twice or never. What they have waited does not count for their retries. Answers how many.
 */
export async function freeHeldBack(db: Db, campaign: string, now: Date): Promise<number> {
  const rows = await db.execute(sql`
    with page as (
      -- Deliveries first, as everywhere; who is being changed at this moment is told next time.
      select delivery.id
      from paused_deliveries held join deliveries delivery on delivery.id = held.delivery_id
      where held.campaign_id = ${campaign} and exists (select from campaigns where id = ${campaign} and state <> 'paused')
      order by held.delivery_id limit ${FREED_AT_ONCE} for no key update of delivery skip locked
    ), freed as (
      delete from paused_deliveries where delivery_id in (select id from page)
      returning delivery_id, workflow_id,
        greatest(0, extract(epoch from ${now.toISOString()}::timestamptz - since) * 1000)::bigint as waited_ms
    ), sending as (
      update deliveries set parked_ms = parked_ms + waited_ms
      from freed where id = delivery_id and first_attempt_at is not null and workflow_id not like 'resend/%'
    ), resending as (
      update resends set parked_ms = parked_ms + waited_ms
      from freed where 'resend/' || id = workflow_id and resends.delivery_id = freed.delivery_id and first_attempt_at is not null
    ), command as (
      insert into commands (workflow_id, command, lane)
      select workflow_id, jsonb_build_object('type', 'wake', 'subject', delivery_id), 1 from freed order by delivery_id
    )
    select delivery_id from freed`);
  return rows.length;
}
