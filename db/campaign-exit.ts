import { and, eq, sql } from 'drizzle-orm';
import { writersTurn } from './campaign-turns.ts';
import { exitJourneys } from './journey-exit.ts';
import type { Db } from './open.ts';
import { campaigns } from './schema/campaigns.ts';
import { OPEN_STATES } from './schema/deliveries.ts';

const JOURNEYS_AT_ONCE = 200;

/** Why they end. */
export const CAMPAIGN_STOPPED = 'the campaign was stopped';

/** A campaign that was stopped and whose people have to leave: those who entered until then. */
export type ExitingCampaign = { id: string; exitBefore: Date };

export async function listExitingCampaigns(db: Db): Promise<ExitingCampaign[]> {
  const rows = await db
    .select({ id: campaigns.id, exitBefore: campaigns.exitBefore })
    .from(campaigns)
    .where(sql`${campaigns.exitBefore} is not null`);
  return rows.flatMap(({ id, exitBefore }) => (exitBefore ? [{ id, exitBefore }] : []));
}

/**
 * Ends some of the journeys that are to end, and drops what others left open when they ended; when there is nothing left, notes that
 * it is done. Whoever begins anew takes up what is left. Answers how many journeys it looked at.
 */
export async function exitPage(db: Db, { id, exitBefore }: ExitingCampaign, now: Date): Promise<number> {
  const before = sql`journeys.created_at <= ${exitBefore.toISOString()}::timestamptz`;
  const ids = async (rows: Promise<{ id: string }[]>) => (await rows).map((row) => row.id);
  const active = await ids(
    db.execute<{ id: string }>(sql`
      select id from journeys where campaign_id = ${id} and ended_at is null and ${before}
      order by person_key limit ${JOURNEYS_AT_ONCE}`),
  );
  const over =
    active.length > 0
      ? []
      : await ids(
          db.execute<{ id: string }>(sql`
            select distinct journeys.id from deliveries join journeys on journeys.id = journey_id
            where deliveries.campaign_id = ${id} and deliveries.state = any(${sql.param(OPEN_STATES)}::text[])
              and ended_at is not null and ${before}
            limit ${JOURNEYS_AT_ONCE}`),
        );
  const page = [...active, ...over];
  if (page.length > 0) {
    await exitJourneys(db, page, { reason: CAMPAIGN_STOPPED, by: null, now, leftovers: true });
    return page.length;
  }
  // A later stop has a later moment, and is not done with this.
  await db.transaction(async (tx) => {
    await tx.execute(sql`select ${writersTurn(id)}`);
    await tx
      .update(campaigns)
      .set({ exitBefore: null })
      .where(and(eq(campaigns.id, id), eq(campaigns.exitBefore, exitBefore)));
  });
  return 0;
}
