import { and, eq, inArray, isNull, sql, type SQL } from 'drizzle-orm';
import type { Plan } from '../domain/walk.ts';
import { IS_OVER } from './broadcast-pages.ts';
import type { Db } from './open.ts';
import { broadcasts, campaigns, campaignVersions } from './schema/campaigns.ts';
import { deliveries } from './schema/deliveries.ts';
import { commands, journeys, type Command } from './schema/journeys.ts';
import { resends } from './schema/resends.ts';

export type ClaimedCommand = { id: number; workflowId: string; command: Command };

/** A refused command is tried for ever, at last every ten minutes. It holds back its own workflow only. */
const LONGEST_PAUSE_S = 600;

type ClaimedRow = ClaimedCommand & { workflow_id: string };

/**
 * Leases the oldest commands but for starts of broadcasts' journeys, at most one per workflow: the next one comes when the first is
 * done. Who dies with a lease loses it after `leaseMs`; carrying a command twice is harmless.
 */
export async function claimCommands(db: Db, limit: number, leaseMs: number): Promise<ClaimedCommand[]> {
  return claimed(
    await db.execute<ClaimedRow>(leaseOldest(sql`broadcast_id is null`, sql`lane, id`, { limit, leaseMs })),
  );
}

/** Who starts broadcasts' journeys takes turns at this row, in which the next free moment stands. */
const STARTS = 'starts';
/** What was not used is kept so long: a relay that looks a little late starts as many, and no crowd comes after a silence. */
const BURST_MS = 250;

/**
 * Leases the oldest starts of broadcasts' journeys but for those that are to be taken back, as many as `perSecond` leaves free for all relays together; `later` where that is
 * none, or another relay claims at this moment.
 */
export async function claimStarts(
  db: Db,
  { limit, leaseMs, perSecond }: { limit: number; leaseMs: number; perSecond: number },
): Promise<ClaimedCommand[] | 'later'> {
  const intervalMs = 1_000 / perSecond;
  const next = sql`greatest(next_at, clock_timestamp() - ${Math.max(BURST_MS, intervalMs)}::float8 * interval '1 ms')`;
  return db.transaction(async (tx) => {
    const [rate] = await tx.execute<{ free: number }>(sql`
      select floor(extract(epoch from clock_timestamp() - ${next}) * 1000 / ${intervalMs}::float8)::int as free
      from rate_slots where webhook = ${STARTS} and destination = '' for update skip locked`);
    if (!rate || rate.free < 1) return 'later';
    const count = Math.min(limit, rate.free);
    const rows = await tx.execute<ClaimedRow>(leaseOldest(IS_WANTED_START, sql`id`, { limit: count, leaseMs }));
    if (rows.length > 0) {
      await tx.execute(sql`
        update rate_slots set next_at = ${next} + ${rows.length * intervalMs}::float8 * interval '1 ms'
        where webhook = ${STARTS} and destination = ''`);
    }
    return claimed(rows);
  });
}

/**
 * Not those of a broadcast that has been stopped, alone or with its campaign: they are to be taken back. An array, since what waits for that
 * may be many rows in front of the others; and its positions are compared, since of `<> all` Postgres takes next to none to be left where
 * most starts are one broadcast's, and would read and sort all of them for a few.
 */
export const IS_WANTED_START = sql`broadcast_id is not null and coalesce(array_position(array(
  select ${broadcasts.id} from ${broadcasts} join ${campaigns} on ${campaigns.id} = ${broadcasts.campaignId}
  where ${broadcasts.endedAt} is null and (${broadcasts.state} = 'stopped' or ${IS_OVER})), broadcast_id), 0) < 1`;

/** Makes the row at which starts take turns. */
export async function prepareStarts(db: Db): Promise<void> {
  await db.execute(sql`
    insert into rate_slots (webhook, destination, next_at) values (${STARTS}, '', 'epoch') on conflict do nothing`);
}

const leaseOldest = (which: SQL, order: SQL, { limit, leaseMs }: { limit: number; leaseMs: number }) => sql`
  update commands set leased_until = clock_timestamp() + ${leaseMs} * interval '1 ms'
  where id in (
    select id from commands as c
    where ${which} and (leased_until is null or leased_until < clock_timestamp())
      and not exists (select 1 from commands as earlier where earlier.workflow_id = c.workflow_id and earlier.id < c.id)
    order by ${order} limit ${limit} for update skip locked)
  returning id::float8, workflow_id, command`;

const claimed = (rows: Iterable<ClaimedRow>): ClaimedCommand[] =>
  [...rows]
    .map((row) => ({ id: row.id, workflowId: row.workflow_id, command: row.command }))
    .sort((a, b) => a.id - b.id);

export async function deleteCommands(db: Db, ids: number[]): Promise<void> {
  if (ids.length > 0) await db.delete(commands).where(isOneOf(ids));
}

/** Gives leases back untried, when it was Temporal that could not be reached. */
export async function releaseCommands(db: Db, ids: number[]): Promise<void> {
  if (ids.length > 0) await db.update(commands).set({ leasedUntil: null }).where(isOneOf(ids));
}

const isOneOf = (ids: number[]) => sql`${commands.id} = any(${sql.param(ids)}::bigint[])`;

/** Counts a try that Temporal refused; the next one waits, twice as long each time until that takes ten minutes. */
export async function failCommand(db: Db, id: number, error: string): Promise<void> {
  await db
    .update(commands)
    .set({
      tries: sql`${commands.tries} + 1`,
      error,
      leasedUntil: sql`clock_timestamp() + least(power(2, least(${commands.tries}, 30)), ${LONGEST_PAUSE_S}) * interval '1 s'`,
    })
    .where(eq(commands.id, id));
}

/** Whether a start of its workflow waits behind a command. */
export async function hasStartBehind(db: Db, { id, workflowId }: ClaimedCommand): Promise<boolean> {
  const rows = await db.execute(sql`
    select from commands where workflow_id = ${workflowId} and id > ${id} and command->>'type' like 'start%' limit 1`);
  return rows.length > 0;
}

export type JourneyStart = {
  id: string;
  campaign: string;
  version: number;
  personKey: string;
  plan: Plan;
  position: string | null;
  /** By which it entered. */
  broadcastId: string | null;
};

/** What it takes to start journeys, by id. */
export async function readJourneyStarts(db: Db, ids: string[]): Promise<Map<string, JourneyStart>> {
  if (ids.length === 0) return new Map();
  const rows = await db
    .select({
      id: journeys.id,
      campaign: journeys.campaignId,
      version: journeys.version,
      personKey: journeys.personKey,
      plan: campaignVersions.plan,
      position: journeys.stepId,
      broadcastId: journeys.broadcastId,
    })
    .from(journeys)
    .innerJoin(
      campaignVersions,
      and(eq(campaignVersions.campaignId, journeys.campaignId), eq(campaignVersions.version, journeys.version)),
    )
    .where(sql`${journeys.id} = any(${sql.param(ids)}::text[])`);
  return new Map(rows.map((row) => [row.id, row]));
}

/** What it takes to start the workflow of a delivery; undefined where it is gone. `label` is method and destination, nothing personal. */
export async function readDeliveryStart(db: Db, id: string): Promise<{ label: string; timeoutMs: number } | undefined> {
  const [row] = await db
    .select({
      label: sql<string>`concat(request->>'method', ' ', case when host is null then '***' else destination end)`,
      timeoutMs: deliveries.timeoutMs,
    })
    .from(deliveries)
    .where(eq(deliveries.id, id));
  return row;
}

/** Whether a workflow, by its id, still has something to do: its journey or broadcast runs, or its delivery is to be sent, for the first time or again. */
export async function isWorkflowNeeded(db: Db, workflowId: string): Promise<boolean> {
  const [kind, id = '', run = ''] = workflowId.split('/');
  if (kind === 'journey') {
    const runs = and(eq(journeys.id, id), eq(journeys.run, Number(run)), isNull(journeys.endedAt));
    return (await db.select({ id: journeys.id }).from(journeys).where(runs)).length > 0;
  }
  if (kind === 'resend') {
    const runs = and(eq(resends.id, id), isNull(resends.endedAt));
    return (await db.select({ id: resends.id }).from(resends).where(runs)).length > 0;
  }
  if (kind === 'broadcast') {
    const runs = and(eq(broadcasts.id, id), isNull(broadcasts.endedAt));
    return (await db.select({ id: broadcasts.id }).from(broadcasts).where(runs)).length > 0;
  }
  const toBeSent = and(eq(deliveries.id, id), inArray(deliveries.state, ['approved', 'queued', 'attempted']));
  return (await db.select({ id: deliveries.id }).from(deliveries).where(toBeSent)).length > 0;
}
