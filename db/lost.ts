import { sql, type SQL } from 'drizzle-orm';
import { closeLostAttempts, lockSend, moveDelivery, type DeliveryMove } from './deliveries.ts';
import { moveResend } from './move-resend.ts';
import type { Db } from './open.ts';
import { at, isInNoLine, MAY_GO, type LookOver } from './stuck.ts';

/** What is sent by a workflow of its own: a delivery that holds no journey, or a settled one once more. */
export type Sending = { type: 'delivery' | 'resend'; id: string };

/** How each kind is found: `own` is its table's alias, `delivery` whose line and pause it stands in. */
type Kind = { table: SQL; open: SQL; delivery: SQL; dueAt: SQL; movedAt: SQL; start: SQL };

/** A draft that holds no journey is approved into a workflow of its own; all else of a journey is sent by the journey's. */
const KINDS: Record<Sending['type'], Kind> = {
  delivery: {
    table: sql`deliveries`,
    open: sql`
      state in ('approved', 'queued', 'attempted') and (
        journey_id is null
        or decision is not null and not exists (
          select from journey_log
          where journey_id = own.journey_id and step = own.step_id and what = 'rendered' and result->'held' is not null))`,
    delivery: sql`own.id`,
    dueAt: sql`coalesce(next_attempt_at, updated_at)`,
    movedAt: sql`updated_at`,
    start: sql`jsonb_build_object('type', 'startDelivery', 'delivery', id)`,
  },
  resend: {
    table: sql`resends`,
    open: sql`ended_at is null`,
    delivery: sql`own.delivery_id`,
    dueAt: sql`coalesce(next_attempt_at, first_attempt_at, created_at)`,
    movedAt: sql`created_at`,
    start: sql`jsonb_build_object('type', 'startResend', 'resend', id, 'delivery', delivery_id)`,
  },
};

const START = { delivery: 'startDelivery', resend: 'startResend' };

/** Takes what should have been sent on and was not, or cannot be woken, as `claimSuspects` takes journeys. */
export async function claimLostSendings(
  db: Db,
  type: Sending['type'],
  { now, overdueBefore, idleBefore, askedBefore, limit }: LookOver,
): Promise<Sending[]> {
  const { delivery, dueAt, movedAt } = KINDS[type];
  // In line it is told to come for 24 hours; who is held back by a pause is told when that is over.
  const shouldHaveMoved = sql`
    case when exists (select from paused_deliveries where delivery_id = ${delivery}) then null
      else coalesce((select since + interval '24 h' from parked where delivery_id = ${delivery}), ${dueAt}) end`;
  const query = claim(type, {
    now,
    limit,
    which: sql`
      (checked_at is null or checked_at <= ${at(askedBefore)})
      and not exists (
        select from commands
        where workflow_id = ${workflowOf(type)} and (error is null or command->>'type' = ${START[type]}))
      and (
        exists (select from commands where workflow_id = ${workflowOf(type)})
        or greatest(checked_at, ${movedAt}) < ${at(idleBefore)}
        or ${shouldHaveMoved} < ${at(overdueBefore)})`,
  });
  const rows = await db.execute<{ id: string }>(query);
  return rows.map(({ id }) => ({ type, id }));
}

/** Has started what was begun, or last asked about, before Temporal's namespace was there, as `startUnseen` does journeys. */
export async function startUnseenSendings(
  db: Db,
  type: Sending['type'],
  { now, limit }: Pick<LookOver, 'now' | 'limit'>,
): Promise<number> {
  const { table, start } = KINDS[type];
  const rows = await db.execute(sql`
    with unseen as (${claim(type, {
      now,
      limit,
      which: sql`
        coalesce(checked_at, created_at) < (select seen_since from namespaces)
        and not exists (select from commands where workflow_id = ${workflowOf(type)})`,
    })}
    )
    insert into commands (workflow_id, command, lane)
    select ${`${type}/`} || id, ${start}, 1 from ${table} where id in (select id from unseen)
    returning id`);
  return rows.length;
}

function claim(type: Sending['type'], { now, limit, which }: { now: Date; limit: number; which: SQL }): SQL {
  const { table, open } = KINDS[type];
  return sql`
    update ${table} set checked_at = ${at(now)}
    where id in (
      select id from ${table} as own where ${open} and ${which}
      order by checked_at nulls first, id limit ${limit} for no key update skip locked)
    returning id`;
}

const workflowOf = (type: Sending['type']) => sql`${`${type}/`} || own.id`;

/**
 * Has a workflow that is gone started again, under its own id: Temporal takes it once, however many ask. What it was to be told goes,
 * since nobody was there to hear it. Answers whether it is still needed.
 */
export async function restartSending(db: Db, { type, id }: Sending): Promise<boolean> {
  const { table, open, start } = KINDS[type];
  const workflowId = `${type}/${id}`;
  const rows = await db.execute(sql`
    with needed as (
      select * from ${table} as own
      where id = ${id} and ${open}
        and not exists (select from commands where workflow_id = ${workflowId} and command->>'type' = ${START[type]})
      for no key update
    ), obsolete as (
      delete from commands where workflow_id = ${workflowId} and exists (select from needed)
    )
    insert into commands (workflow_id, command) select ${workflowId}, ${start} from needed
    returning id`);
  return rows.length > 0;
}

/** Has a workflow that runs woken, as `wakeJourney` does: its delivery may have been in a line that it has left. */
export async function wakeSending(db: Db, { type, id }: Sending): Promise<boolean> {
  const { table, open, delivery } = KINDS[type];
  const rows = await db.execute(sql`
    insert into commands (workflow_id, command)
    select ${workflowOf(type)}, jsonb_build_object('type', 'wake', 'subject', ${delivery}) from ${table} as own
    where id = ${id} and ${open} and ${MAY_GO} and ${isInNoLine(delivery)}
      and not exists (select from commands where workflow_id = ${workflowOf(type)})
    returning id`);
  return rows.length > 0;
}

/** Fails what was closed in Temporal before it was sent, as `move` says; what has been settled meanwhile stays as it is. */
export function failClosed(db: Db, { type, id }: Sending, move: DeliveryMove): Promise<boolean> {
  const { table, delivery } = KINDS[type];
  return db.transaction(async (tx) => {
    const [named] = await tx.execute<{ id: string }>(
      sql`select ${delivery} as id from ${table} as own where id = ${id}`,
    );
    const locked = named && (await lockSend(tx, named.id, { withPerson: false }));
    if (!locked) return false;
    const open = await tx.execute(sql`select 1 from ${table} as own where id = ${id} and ${KINDS[type].open}`);
    if (open.length === 0) return false;
    await closeLostAttempts(tx, locked.delivery.id);
    if (type === 'delivery') await moveDelivery(tx, locked.delivery, move);
    else await moveResend(tx, locked.delivery, id, { move, ended: true });
    await tx.execute(sql`delete from parked where workflow_id = ${`${type}/${id}`}`);
    await tx.execute(sql`delete from paused_deliveries where workflow_id = ${`${type}/${id}`}`);
    return true;
  });
}
