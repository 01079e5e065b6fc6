import { and, asc, desc, eq, gt, gte, lt, lte, or, sql, type SQL } from 'drizzle-orm';
import type { PgColumn } from 'drizzle-orm/pg-core';
import type { Db } from './open.ts';
import type { Page, PageRequest } from './page.ts';
import { outcomes } from './schema/campaigns.ts';
import { deliveries } from './schema/deliveries.ts';
import { journeys } from './schema/journeys.ts';
import { attributeChanges, events, people } from './schema/people.ts';

/** What can stand in a timeline, in the order of what comes at the same millisecond. */
const KINDS = ['event', 'attributes', 'entered', 'delivery', 'ended'] as const;
type Kind = (typeof KINDS)[number];

/** Times of Postgres are rounded to a millisecond: after two, what is stored next has a later one than all before. */
const NEXT_MILLISECOND_S = 0.002;

export type TimelineItem = Awaited<ReturnType<typeof readItems>>[number];
export type TimelineOutcome = Pick<
  typeof outcomes.$inferSelect,
  'cause' | 'campaignId' | 'version' | 'outcome' | 'reason' | 'journeyId'
>;

/**
 * A page of what happened to a person; undefined where nobody has the id. The order is total: time, kind, then the place in the
 * kind, which the cursor names. Whoever stores something for a person holds the row before taking the time: holding it here waits
 * for them, and whatever comes later is later, so that no page that follows misses anything.
 */
export async function readTimeline(
  db: Db,
  person: string,
  page: PageRequest,
): Promise<(Page<TimelineItem> & { outcomes: TimelineOutcome[] }) | undefined> {
  const key = await waitForWriters(db, person);
  if (key === undefined) return undefined;
  const items = await readItems(db, key, page);
  const data = items.slice(0, page.limit);
  const last = data.at(-1);
  return {
    data,
    nextCursor: items.length > page.limit && last ? cursorOf(last) : null,
    outcomes: await listOutcomesOf(db, key, data),
  };
}

/** Held for a moment only: what is stored after it is later, however long the reading takes. */
function waitForWriters(db: Db, person: string): Promise<string | undefined> {
  return db.transaction(async (tx) => {
    const [[held]] = await Promise.all([
      tx.select({ key: people.key }).from(people).where(eq(people.id, person)).for('update'),
      tx.execute(sql`select pg_sleep(${NEXT_MILLISECOND_S})`),
    ]);
    return held?.key;
  });
}

const cursorOf = ({ at, kind, place }: { at: Date; kind: Kind; place: number | string }) =>
  [at.getTime(), KINDS.indexOf(kind), place].join('.');

/** As many of each kind as the page may need, and one more, merged. */
async function readItems(tx: Db, key: string, page: PageRequest) {
  const ofEvents = partOf(page, 'event', events.receivedAt, events.number);
  const ofChanges = partOf(page, 'attributes', attributeChanges.at, attributeChanges.number);
  const ofEntered = partOf(page, 'entered', journeys.createdAt, journeys.id);
  const ofDeliveries = partOf(page, 'delivery', deliveries.createdAt, deliveries.id);
  const ofEnded = partOf(page, 'ended', journeys.endedAt, journeys.id);
  const parts = await Promise.all([
    tx
      .select()
      .from(events)
      .where(and(eq(events.personKey, key), ofEvents.where))
      .orderBy(...ofEvents.orderBy)
      .limit(page.limit + 1)
      .then((rows) => rows.map((row) => ({ kind: 'event' as const, at: row.receivedAt, place: row.number, row }))),
    tx
      .select()
      .from(attributeChanges)
      .where(and(eq(attributeChanges.personKey, key), ofChanges.where))
      .orderBy(...ofChanges.orderBy)
      .limit(page.limit + 1)
      .then((rows) => rows.map((row) => ({ kind: 'attributes' as const, at: row.at, place: row.number, row }))),
    tx
      .select()
      .from(journeys)
      .where(and(eq(journeys.personKey, key), ofEntered.where))
      .orderBy(...ofEntered.orderBy)
      .limit(page.limit + 1)
      .then((rows) => rows.map((row) => ({ kind: 'entered' as const, at: row.createdAt, place: row.id, row }))),
    tx
      .select({
        id: deliveries.id,
        state: deliveries.state,
        campaignId: deliveries.campaignId,
        version: deliveries.version,
        stepId: deliveries.stepId,
        journeyId: deliveries.journeyId,
        webhookId: deliveries.webhookId,
        createdAt: deliveries.createdAt,
        error: deliveries.error,
        status: sql<
          number | null
        >`(select a.status from attempts a where a.delivery_id = deliveries.id order by a.number desc limit 1)`,
      })
      .from(deliveries)
      .where(and(eq(deliveries.personKey, key), ofDeliveries.where))
      .orderBy(...ofDeliveries.orderBy)
      .limit(page.limit + 1)
      .then((rows) => rows.map((row) => ({ kind: 'delivery' as const, at: row.createdAt, place: row.id, row }))),
    tx
      .select()
      .from(journeys)
      .where(and(eq(journeys.personKey, key), ofEnded.where))
      .orderBy(...ofEnded.orderBy)
      .limit(page.limit + 1)
      .then((rows) =>
        rows.flatMap((row) => (row.endedAt ? [{ kind: 'ended' as const, at: row.endedAt, place: row.id, row }] : [])),
      ),
  ]);
  // The sort is stable: what is of one time stays in the order of kinds, and within a kind as it was read.
  const { sign, inOrder } =
    page.order === 'asc' ? { sign: 1, inOrder: parts } : { sign: -1, inOrder: parts.toReversed() };
  return inOrder.flat().toSorted((one, other) => sign * (one.at.getTime() - other.at.getTime()));
}

/** Which rows of a kind come after the cursor and lie between the times, and their order. */
function partOf(
  { order, cursor, createdAfter, createdBefore }: PageRequest,
  kind: Kind,
  at: PgColumn,
  place: PgColumn,
) {
  const ordered = order === 'asc' ? asc : desc;
  return {
    where: and(
      sql`${at} is not null`,
      cursor === undefined ? undefined : beyond(order, cursor, kind, at, place),
      createdAfter && gte(at, createdAfter),
      createdBefore && lt(at, createdBefore),
    ),
    orderBy: [ordered(at), ordered(place)],
  };
}

function beyond(order: 'asc' | 'desc', cursor: string, kind: Kind, at: PgColumn, place: PgColumn): SQL | undefined {
  const [ms, number, lastPlace = ''] = cursor.split('.');
  const time = new Date(Number(ms));
  const kindsApart = KINDS.indexOf(kind) - Number(number);
  const [later, laterOrEqual] = order === 'asc' ? [gt, gte] : [lt, lte];
  if (kindsApart === 0) return or(later(at, time), and(eq(at, time), later(place, lastPlace)));
  return kindsApart > 0 === (order === 'asc') ? laterOrEqual(at, time) : later(at, time);
}

/** What each campaign made of the events among the items. */
async function listOutcomesOf(tx: Db, key: string, items: TimelineItem[]): Promise<TimelineOutcome[]> {
  const causes = items.flatMap((item) => (item.kind === 'event' ? [`event/${item.row.id}`] : []));
  if (causes.length === 0) return [];
  return tx
    .select({
      cause: outcomes.cause,
      campaignId: outcomes.campaignId,
      version: outcomes.version,
      outcome: outcomes.outcome,
      reason: outcomes.reason,
      journeyId: outcomes.journeyId,
    })
    .from(outcomes)
    .where(and(sql`${outcomes.cause} = any(${sql.param(causes)}::text[])`, eq(outcomes.personKey, key)))
    .orderBy(outcomes.at, outcomes.campaignId);
}
