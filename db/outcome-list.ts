import { and, asc, desc, eq, gte, lt, lte, sql } from 'drizzle-orm';
import type { Db } from './open.ts';
import type { Page, PageRequest } from './page.ts';
import { outcomes, type Outcome } from './schema/campaigns.ts';
import { people } from './schema/people.ts';

export type OutcomeFilter = {
  campaign: string;
  /** The client's own id. */
  person?: string | undefined;
  outcome?: Outcome | undefined;
};

export type ListedOutcome = typeof outcomes.$inferSelect & { person: string };

/**
 * A page of entries that were considered, in the order of time, then person and cause: a total order, which the cursor names. Nothing
 * is shown twice. What is decided while a page is read may have an earlier time than its last one, by as long as a relay takes for it.
 */
export async function listCampaignOutcomes(
  db: Db,
  { limit, order, cursor, createdAfter, createdBefore }: PageRequest,
  { campaign, person, outcome }: OutcomeFilter,
): Promise<Page<ListedOutcome>> {
  const [ordered, isBeyond, isNotBefore] = order === 'asc' ? [asc, sql`>`, gte] : [desc, sql`<`, lte];
  const [, ms, key, cause] = /^(\d+)\.([^.]+)\.([^]+)$/.exec(cursor ?? '') ?? [];
  const at = ms === undefined ? undefined : new Date(Number(ms));
  const rows = await db
    .select({ outcome: outcomes, person: people.id })
    .from(outcomes)
    .innerJoin(people, eq(people.key, outcomes.personKey))
    .where(
      and(
        eq(outcomes.campaignId, campaign),
        person === undefined ? undefined : eq(people.id, person),
        outcome && eq(outcomes.outcome, outcome),
        createdAfter && gte(outcomes.at, createdAfter),
        createdBefore && lt(outcomes.at, createdBefore),
        at && isNotBefore(outcomes.at, at),
        at &&
          sql`(${outcomes.at}, ${outcomes.personKey}, ${outcomes.cause}) ${isBeyond} (${at.toISOString()}::timestamptz, ${key}, ${cause})`,
      ),
    )
    .orderBy(ordered(outcomes.at), ordered(outcomes.personKey), ordered(outcomes.cause))
    .limit(limit + 1);
  const data = rows.slice(0, limit).map((row) => ({ ...row.outcome, person: row.person }));
  const last = data.at(-1);
  const nextCursor = rows.length > limit && last ? `${last.at.getTime()}.${last.personKey}.${last.cause}` : null;
  return { data, nextCursor };
}
