import { asc, eq, sql } from 'drizzle-orm';
import { newId } from './id.ts';
import type { Db } from './open.ts';
import type { Actor } from './schema/deliveries.ts';
import { resends } from './schema/resends.ts';

export type ResendRow = typeof resends.$inferSelect;

export type ResendRequest = {
  by: Actor;
  reason: string | null;
  retry: boolean;
  /** 0 goes to Temporal before 1. */
  lane: 0 | 1;
};

/**
 * Has settled deliveries sent once more, each by a workflow of its own, the oldest first. One that is under way already, is not
 * settled, or never rendered is left as it is. Answers which ones it started.
 */
export function requestResends(db: Db, ids: string[], { by, reason, retry, lane }: ResendRequest): Promise<string[]> {
  const oldestFirst = ids.toSorted();
  const attempts = oldestFirst.map(() => newId('att'));
  const list = sql`any(${sql.param(oldestFirst)}::text[])`;
  return db.transaction(async (tx) => {
    // Sent together, run in this order: people before deliveries, as everywhere; what is looked at was committed before they were held.
    const [, , rows] = await Promise.all([
      tx.execute(sql`
        select 1 from people where key in (select person_key from deliveries where id = ${list}) order by key for key share`),
      tx.execute(sql`select 1 from deliveries where id = ${list} order by id for no key update`),
      tx.execute<{ delivery_id: string }>(sql`
        with started as (
          insert into resends (id, delivery_id, by, reason, retry, attempts_before)
          select wanted.id, delivery.id, ${JSON.stringify(by)}::jsonb, ${reason}, ${retry}::boolean,
            coalesce((select max(number) from attempts where delivery_id = delivery.id), 0)
          from unnest(${sql.param(attempts)}::text[], ${sql.param(oldestFirst)}::text[]) as wanted (id, delivery_id)
          join deliveries as delivery on delivery.id = wanted.delivery_id
          where delivery.state in ('sent', 'failed') and delivery.frozen is not null and delivery.destination is not null
            and not exists (
              select 1 from attempts
              where delivery_id = delivery.id and class = 'started' and in_flight_until > clock_timestamp())
          order by wanted.id
          on conflict (delivery_id) where ended_at is null do nothing
          returning id, delivery_id
        ), command as (
          insert into commands (workflow_id, command, lane)
          select 'resend/' || id, jsonb_build_object('type', 'startResend', 'resend', id, 'delivery', delivery_id), ${lane}::int
          from started order by id
        )
        select delivery_id from started`),
    ]);
    return rows.map((row) => row.delivery_id);
  });
}

export async function findResend(tx: Db, id: string): Promise<ResendRow | undefined> {
  const [resend] = await tx.select().from(resends).where(eq(resends.id, id));
  return resend;
}

/** The resends of each of these deliveries, first to last. */
export async function listResends(db: Db, deliveryIds: string[]): Promise<Map<string, ResendRow[]>> {
  const rows = await db
    .select()
    .from(resends)
    .where(sql`${resends.deliveryId} = any(${sql.param(deliveryIds)}::text[])`)
    .orderBy(asc(resends.id));
  const byDelivery = new Map<string, ResendRow[]>();
  for (const row of rows) byDelivery.set(row.deliveryId, [...(byDelivery.get(row.deliveryId) ?? []), row]);
  return byDelivery;
}
