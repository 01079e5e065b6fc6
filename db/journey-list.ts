import { and, asc, eq, isNotNull, isNull, not, sql } from 'drizzle-orm';
import type { PgColumn } from 'drizzle-orm/pg-core';
import type { ShownError } from '../domain/request/shown-error.ts';
import { waitingInLine, type InLine } from './deliveries.ts';
import type { JourneyRow, LogLine } from './journeys.ts';
import type { Db } from './open.ts';
import { pageOf, pageQuery, type Page, type PageRequest } from './page.ts';
import { deliveries } from './schema/deliveries.ts';
import { destinations, parked, pausedDeliveries } from './schema/destinations.ts';
import { journeyLog, journeys, waits, type JourneyState } from './schema/journeys.ts';
import { people } from './schema/people.ts';
import type { WaitRow } from './waits.ts';

/** What holds up the journey's step: what it waits for, or its delivery's place in line or its campaign's pause, and why that failed so far. */
type AtItsStep = {
  wait: Pick<WaitRow, 'kind' | 'eventName'> | null;
  line: (InLine & { since: Date }) | null;
  lastError: ShownError | null;
  nextAttemptAt: Date | null;
};

export type JourneyWithPerson = JourneyRow & AtItsStep & { person: string };
export type JourneyFilter = {
  campaign?: string | undefined;
  person?: string | undefined;
  /** As the API shows it: one that is stuck is in no other state. */
  state?: JourneyState | 'stuck' | undefined;
};

/** A page is read along the index of a person, or else of a campaign; without them active ones along that of what has not ended. */
export async function listJourneys(
  db: Db,
  page: PageRequest,
  { person, campaign, state }: JourneyFilter,
): Promise<Page<JourneyWithPerson>> {
  const key = person !== undefined && sql`(select ${people.key} from ${people} where ${people.id} = ${person})`;
  const indexed: { column: PgColumn; value: unknown }[] = [
    { column: journeys.personKey, value: key || undefined },
    { column: journeys.campaignId, value: campaign },
  ];
  const [within, ...others] = indexed.filter(({ value }) => value !== undefined);
  const query = pageQuery(
    page,
    journeys.id,
    journeys.createdAt,
    [...others.map(({ column, value }) => eq(column, value)), state && isInState(state)],
    { prefix: 'jrn', within },
  );
  const rows = await selectJourneys(db).where(query.where).orderBy(query.orderBy).limit(query.limit);
  return pageOf(rows.map(withPerson), page.limit);
}

function isInState(state: JourneyState | 'stuck') {
  if (state === 'completed' || state === 'exited') return eq(journeys.state, state);
  const isStuck = isNotNull(journeys.stuckSince);
  const active = state === 'stuck' ? isStuck : and(isAt(state), isNull(journeys.stuckSince));
  return and(isNull(journeys.endedAt), active);
}

/** No row says `paused`: it is what sends while its delivery is held back. */
function isAt(state: JourneyState) {
  if (state !== 'sending' && state !== 'paused') return eq(journeys.state, state);
  const isHeld = sql`exists (
    select from ${deliveries} held join ${pausedDeliveries} on ${pausedDeliveries.deliveryId} = held.id
    where held.journey_id = ${journeys.id} and held.step_id = ${journeys.stepId})`;
  return and(eq(journeys.state, 'sending'), state === 'paused' ? isHeld : not(isHeld));
}

export type JourneyDetail = JourneyWithPerson & { log: LogLine[]; deliveries: string[] };

export async function findJourney(db: Db, id: string): Promise<JourneyDetail | undefined> {
  const [row] = await selectJourneys(db).where(eq(journeys.id, id));
  if (!row) return undefined;
  const [log, sent] = await Promise.all([
    db.select().from(journeyLog).where(eq(journeyLog.journeyId, id)).orderBy(asc(journeyLog.at), asc(journeyLog.step)),
    db.select({ id: deliveries.id }).from(deliveries).where(eq(deliveries.journeyId, id)).orderBy(asc(deliveries.id)),
  ]);
  return { ...withPerson(row), log, deliveries: sent.map((delivery) => delivery.id) };
}

const selectJourneys = (db: Db) =>
  db
    .select({
      journey: journeys,
      person: people.id,
      wait: { kind: waits.kind, eventName: waits.eventName },
      line: parked,
      openUntil: destinations.openUntil,
      pause: pausedDeliveries,
      lastError: deliveries.error,
      nextAttemptAt: deliveries.nextAttemptAt,
    })
    .from(journeys)
    .innerJoin(people, eq(people.key, journeys.personKey))
    .leftJoin(waits, and(eq(waits.journeyId, journeys.id), eq(waits.stepId, journeys.stepId)))
    .leftJoin(deliveries, and(eq(deliveries.journeyId, journeys.id), eq(deliveries.stepId, journeys.stepId)))
    .leftJoin(pausedDeliveries, eq(pausedDeliveries.deliveryId, deliveries.id))
    .leftJoin(parked, eq(parked.deliveryId, deliveries.id))
    .leftJoin(destinations, eq(destinations.origin, parked.destination));

function withPerson(row: Awaited<ReturnType<typeof selectJourneys>>[number]): JourneyWithPerson {
  const inLine = waitingInLine(row);
  const since = (row.pause ?? row.line)?.since;
  const line = inLine && since ? { ...inLine, since } : null;
  const { person, wait, lastError, nextAttemptAt } = row;
  return { ...row.journey, person, wait, line, lastError, nextAttemptAt };
}
