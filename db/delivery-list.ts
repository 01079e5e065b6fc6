import { asc, eq, getTableColumns, sql } from 'drizzle-orm';
import type { PgColumn } from 'drizzle-orm/pg-core';
import { waitingInLine, type AttemptRow, type DeliveryRow, type InLine } from './deliveries.ts';
import type { Db } from './open.ts';
import { pageOf, pageQuery, type Page, type PageRequest } from './page.ts';
import { isRefused, readRefusals, withRefusals } from './refusals.ts';
import { listResends, type ResendRow } from './resends.ts';
import type { ShownRequest } from '../domain/journey/render-delivery.ts';
import { attempts, deliveries, type DeliveryState } from './schema/deliveries.ts';
import { destinations, parked, pausedDeliveries } from './schema/destinations.ts';
import { people } from './schema/people.ts';

export type DeliveryFilter = {
  ids?: string[] | undefined;
  state?: DeliveryState | undefined;
  campaign?: string | undefined;
  /** A stored one. */
  webhook?: string | undefined;
  step?: string | undefined;
  version?: number | undefined;
  /** The client's own id. */
  person?: string | undefined;
  /** `origins` narrows it to a port. Hosts in which a secret has a part are not found: nobody can guess at them. */
  host?: { name: string; origins: string[] | null } | undefined;
  /** Only those that Temporal refuses to start. */
  stuck?: boolean | undefined;
};

/** Bodies are there only where they were asked for. */
export type ListedRequest = Omit<ShownRequest, 'body'> & { body?: string | null };
export type ListedAttempt = Omit<AttemptRow, 'responseBody'> & { responseBody?: Buffer | null };
export type ListedDelivery = Omit<DeliveryRow, 'frozen' | 'answer' | 'request'> & {
  request: ListedRequest | null;
  person: string;
  attempts: ListedAttempt[];
  resends: ResendRow[];
  parked: InLine | null;
};

const { frozen: _frozen, answer: _answer, ...deliveryColumns } = getTableColumns(deliveries);
const { responseBody, ...attemptColumns } = getTableColumns(attempts);

/** A page of deliveries with their attempts, read in four queries; bodies, which may be large, only where asked for. */
export async function listDeliveries(
  db: Db,
  page: PageRequest,
  filter: DeliveryFilter,
  { withBodies }: { withBodies: boolean },
): Promise<Page<ListedDelivery>> {
  const query = deliveryQuery(page, filter);
  const request = withBodies
    ? deliveries.request
    : sql<ListedRequest | null>`${deliveries.request} - 'body'`.mapWith(deliveries.request);
  const rows = await db
    .select({
      delivery: { ...deliveryColumns, request },
      person: people.id,
      line: parked,
      openUntil: destinations.openUntil,
      pause: pausedDeliveries,
    })
    .from(deliveries)
    .innerJoin(people, eq(people.key, deliveries.personKey))
    .leftJoin(pausedDeliveries, eq(pausedDeliveries.deliveryId, deliveries.id))
    .leftJoin(parked, eq(parked.deliveryId, deliveries.id))
    .leftJoin(destinations, eq(destinations.origin, parked.destination))
    .where(query.where)
    .orderBy(query.orderBy)
    .limit(query.limit);
  const { data, nextCursor } = pageOf(
    rows.map((row) => ({ ...row.delivery, person: row.person, parked: waitingInLine(row) })),
    page.limit,
  );
  const ids = data.map(({ id }) => id);
  const [made, resends, refusals] = await Promise.all([
    listAttempts(db, ids, { withBodies }),
    listResends(db, ids),
    readRefusals(db, ids),
  ]);
  const detailed = data.map((delivery) => ({
    ...delivery,
    attempts: made.get(delivery.id) ?? [],
    resends: resends.get(delivery.id) ?? [],
  }));
  return { data: detailed.map((delivery) => withRefusals(delivery, refusals)), nextCursor };
}

/** The ids alone of what a list has, oldest first. */
export async function listDeliveryIds(
  db: Db,
  page: Omit<PageRequest, 'order' | 'cursor'>,
  filter: DeliveryFilter,
): Promise<string[]> {
  const { where, orderBy } = deliveryQuery({ ...page, order: 'asc' }, filter);
  const rows = await db.select({ id: deliveries.id }).from(deliveries).where(where).orderBy(orderBy).limit(page.limit);
  return rows.map(({ id }) => id);
}

function deliveryQuery(page: PageRequest, filter: DeliveryFilter) {
  const [within, ...others] = indexedFilters(filter);
  const isAnyOf = (column: PgColumn, list: string[] | null | undefined) =>
    list ? sql`${column} = any(${sql.param(list)}::text[])` : undefined;
  return pageQuery(
    page,
    deliveries.id,
    deliveries.createdAt,
    [
      ...others.map(({ column, value }) => eq(column, value)),
      filter.step === undefined ? undefined : eq(deliveries.stepId, filter.step),
      filter.version === undefined ? undefined : eq(deliveries.version, filter.version),
      isAnyOf(deliveries.destination, filter.host?.origins),
      isAnyOf(deliveries.id, filter.ids),
      filter.stuck === true ? isRefused : undefined,
    ],
    { prefix: 'dlv', within },
  );
}

/** The filters that have an index (column, id), first the one that should leave the fewest rows: a page is read along its index. */
function indexedFilters({
  person,
  state,
  campaign,
  webhook,
  host,
}: DeliveryFilter): { column: PgColumn; value: unknown }[] {
  const byState = { column: deliveries.state, value: state };
  const key = person !== undefined && sql`(select ${people.key} from ${people} where ${people.id} = ${person})`;
  return [
    { column: deliveries.personKey, value: key || undefined },
    ...(state === 'sent' ? [] : [byState]),
    { column: deliveries.campaignId, value: campaign },
    { column: deliveries.webhookId, value: webhook },
    { column: deliveries.host, value: host?.name },
    ...(state === 'sent' ? [byState] : []),
  ].filter(({ value }) => value !== undefined);
}

/** The attempts of each of these deliveries, first to last. */
async function listAttempts(
  db: Db,
  ids: string[],
  { withBodies }: { withBodies: boolean },
): Promise<Map<string, ListedAttempt[]>> {
  const rows: ListedAttempt[] = await db
    .select(withBodies ? { ...attemptColumns, responseBody } : attemptColumns)
    .from(attempts)
    .where(sql`${attempts.deliveryId} = any(${sql.param(ids)}::text[])`)
    .orderBy(asc(attempts.deliveryId), asc(attempts.number));
  const byDelivery = new Map<string, ListedAttempt[]>();
  for (const attempt of rows) {
    const made = byDelivery.get(attempt.deliveryId);
    if (made) made.push(attempt);
    else byDelivery.set(attempt.deliveryId, [attempt]);
  }
  return byDelivery;
}
