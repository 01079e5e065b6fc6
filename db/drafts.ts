import { and, eq, lte, sql } from 'drizzle-orm';
import type { Db } from './open.ts';
import { deliveries, type Decision } from './schema/deliveries.ts';

export type DraftDecision = Omit<Decision, 'at'> & {
  now: Date;
  /** The revision that was decided on, where the operator named one. */
  revision?: number | undefined;
};

/**
 * Decides drafts: of several decisions of one draft, exactly one has an effect. Leaves a line in the journey's log, and a command
 * that wakes the workflow which the draft holds, or starts one of its own for an approved draft that holds none.
 * Answers whom it decided; a draft that has expired, or has another revision, is not among them.
 */
export function decideDrafts(db: Db, ids: string[], decision: DraftDecision): Promise<string[]> {
  const { by, reason, now, revision = null } = decision;
  const at = now.toISOString();
  const stored: Decision = { by, at, decision: decision.decision, reason };
  const state = decision.decision === 'approve' ? 'approved' : 'discarded';
  const list = sql`any(${sql.param(ids)}::text[])`;
  return db.transaction(async (tx) => {
    // Journeys before deliveries, as everywhere.
    await tx.execute(sql`
      select 1 from journeys where id in (select journey_id from deliveries where id = ${list}) order by id for no key update`);
    const rows = await tx.execute<{ id: string }>(sql`
      with decided as (
        update deliveries set state = ${state}, decision = ${JSON.stringify(stored)}::jsonb, updated_at = clock_timestamp()
        where id in (
            select id from deliveries
            where id = ${list} and state = 'drafted' and (${revision}::int is null or revision = ${revision}::int)
              and (${by === null} or expires_at is null or expires_at > ${at}::timestamptz)
            order by id for no key update)
          and state = 'drafted'
        returning id, journey_id, step_id, mapping->>'state' = 'pending' as maps
      ), held as (
        select decided.id, journeys.id as journey_id, journeys.run
        from decided join journeys on journeys.id = decided.journey_id
        where maps and ended_at is null
      ), journey as (
        update journeys set state = 'sending', step_until = null, updated_at = clock_timestamp()
        where ${state === 'approved'} and id in (select journey_id from held)
      ), line as (
        insert into journey_log (journey_id, step, what, details)
        select journey_id, step_id, ${state}, jsonb_build_object('delivery', id) || ${JSON.stringify({ by, reason })}::jsonb
        from decided where journey_id is not null
        on conflict do nothing
      ), command as (
        insert into commands (workflow_id, command)
        select 'journey/' || journey_id || '/' || run, jsonb_build_object('type', 'wake', 'subject', id) from held
        union all
        select 'delivery/' || id, jsonb_build_object('type', 'startDelivery', 'delivery', id) from decided
        where ${state === 'approved'} and id not in (select id from held)
      )
      select id from decided`);
    return rows.map(({ id }) => id);
  });
}

/** Drafts whose time is over, oldest first. */
export async function listExpiredDrafts(db: Db, now: Date, limit: number): Promise<string[]> {
  const rows = await db
    .select({ id: deliveries.id })
    .from(deliveries)
    .where(and(eq(deliveries.state, 'drafted'), lte(deliveries.expiresAt, now)))
    .orderBy(deliveries.expiresAt)
    .limit(limit);
  return rows.map(({ id }) => id);
}
