import { eq, sql } from 'drizzle-orm';
import type { Db } from './open.ts';
import { pausedDeliveries } from './schema/destinations.ts';

/** So many are told at once after a pause. */
const FREED_AT_ONCE = 500;

/** Since when a delivery, which is locked, is held back, though its campaign goes on: nobody has told it yet. */
export async function readHeldSince(tx: Db, deliveryId: string): Promise<Date | null> {
  const [held] = await tx.select().from(pausedDeliveries).where(eq(pausedDeliveries.deliveryId, deliveryId));
  return held?.since ?? null;
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

/** Campaigns that hold nobody back any more, with deliveries that have still to be told. A glance without locks. */
export async function listFreedCampaigns(db: Db): Promise<string[]> {
  const rows = await db.execute<{ id: string }>(sql`
    select id from campaigns
    where state <> 'paused' and exit_before is null and exists (select from paused_deliveries where campaign_id = campaigns.id)`);
  return rows.map(({ id }) => id);
}

/**
 * Tells the oldest deliveries that a campaign held back that they may come, unless it is paused, or lets people leave: each row goes with the command that
 * wakes its workflow, so nobody is told twice or never. What they have waited does not count for their retries. Answers how many.
 */
export async function freeHeldBack(db: Db, campaign: string, now: Date): Promise<number> {
  const rows = await db.execute(sql`
    with page as (
      -- Deliveries first, as everywhere; who is being changed at this moment is told next time.
      select delivery.id
      from paused_deliveries held join deliveries delivery on delivery.id = held.delivery_id
      where held.campaign_id = ${campaign} and exists (select from campaigns where id = ${campaign} and state <> 'paused' and exit_before is null)
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
