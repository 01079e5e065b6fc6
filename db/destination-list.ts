import { sql } from 'drizzle-orm';
import { MOST_JUDGED, type DestinationRow } from './destinations.ts';
import type { Db } from './open.ts';
import { pageOf, pageQuery, type Page, type PageRequest } from './page.ts';
import { destinations, type ParkingReason } from './schema/destinations.ts';

export type DestinationFigures = {
  inFlight: number;
  /** Who stands in line, by reason; `oldest` is since when the first of them does. */
  parked: Partial<Record<ParkingReason, number>>;
  oldest: Date | null;
  /** Attempts since a moment that have ended, by class; of very many, the most recent. */
  recent: Record<string, number>;
};

/** A page of destinations with their figures, in one query for all of them. */
export async function listDestinations(
  db: Db,
  page: PageRequest,
  moments: { now: Date; since: Date },
): Promise<Page<DestinationRow & DestinationFigures>> {
  const query = pageQuery(page, destinations.id, destinations.createdAt, []);
  const rows = await db.select().from(destinations).where(query.where).orderBy(query.orderBy).limit(query.limit);
  const figures = await readFigures(
    db,
    rows.map((row) => row.origin),
    moments,
  );
  return pageOf(
    rows.map((row) => ({ ...row, ...(figures.get(row.origin) ?? NONE) })),
    page.limit,
  );
}

const NONE: DestinationFigures = { inFlight: 0, parked: {}, oldest: null, recent: {} };

type FigureRow = {
  origin: string;
  in_flight: number;
  parked: Partial<Record<ParkingReason, number>> | null;
  oldest: number | null;
  recent: Record<string, number> | null;
};

async function readFigures(
  db: Db,
  origins: string[],
  { now, since }: { now: Date; since: Date },
): Promise<Map<string, DestinationFigures>> {
  const rows = await db.execute<FigureRow>(sql`
    select origin,
      (select count(*)::int from attempts
        where destination = origin and class = 'started' and in_flight_until > ${now.toISOString()}::timestamptz) as in_flight,
      (select jsonb_object_agg(reason, number)
        from (select reason, count(*) as number from parked where destination = origin group by reason) as line) as parked,
      (select extract(epoch from min(since))::float8 * 1000 from parked where destination = origin) as oldest,
      (select jsonb_object_agg(class, number)
        from (
          select class, count(*) as number
          from (
            select class from attempts
            where destination = origin and class <> 'started' and started_at > ${since.toISOString()}::timestamptz
            order by started_at desc limit ${MOST_JUDGED}) as judged
          group by class) as classes) as recent
    from unnest(${sql.param(origins)}::text[]) as origin`);
  return new Map(
    rows.map((row) => [
      row.origin,
      {
        inFlight: row.in_flight,
        parked: row.parked ?? {},
        oldest: row.oldest === null ? null : new Date(row.oldest),
        recent: row.recent ?? {},
      },
    ]),
  );
}
