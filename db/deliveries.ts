import { and, asc, desc, eq, sql, type SQL } from 'drizzle-orm';
import type { Json } from '../domain/json.ts';
import { readersTurn } from './campaign-turns.ts';
import { ownerChanged } from './journeys.ts';
import type { Db } from './open.ts';
import { IN_TURN } from './parked.ts';
import type { PersonRow } from './people.ts';
import { readRefusals, withRefusals } from './refusals.ts';
import { listResends, type ResendRow } from './resends.ts';
import { campaigns } from './schema/campaigns.ts';
import { attempts, deliveries, type DeliveryState } from './schema/deliveries.ts';
import { destinations, parked, pausedDeliveries, type ParkingReason } from './schema/destinations.ts';
import { journeys } from './schema/journeys.ts';
import { people } from './schema/people.ts';

export type DeliveryRow = typeof deliveries.$inferSelect;
export type AttemptRow = typeof attempts.$inferSelect;

export type NewDelivery = typeof deliveries.$inferInsert;

/** Stores what was rendered for a step; the step's unique key makes a second one impossible. */
export async function insertDelivery(tx: Db, delivery: NewDelivery): Promise<void> {
  await tx.insert(deliveries).values(delivery);
}

const ownerOf = (tx: Db, id: string) =>
  tx.select({ key: deliveries.personKey }).from(deliveries).where(eq(deliveries.id, id));

export async function lockDelivery(tx: Db, id: string): Promise<DeliveryRow | undefined> {
  const [delivery] = await tx.select().from(deliveries).where(eq(deliveries.id, id)).for('no key update');
  return delivery;
}

export type LockedForSending = {
  delivery: DeliveryRow;
  suppressed: boolean;
  /** Its campaign is paused, or was stopped and has still to let its journey leave. */
  isHeld: boolean;
  /** A glance at its destination's breaker, which nobody holds. */
  openUntil: Date | null;
  /** What ends its journey, where that runs, and the place up to which something was stored for the person. */
  ends: (Pick<typeof journeys.$inferSelect, 'goalEvent' | 'exitEvents'> & { lastNumber: number }) | null;
};

/**
 * Holds a delivery that is to be sent, and before it its person and its campaign's state, so that they are neither erased nor
 * suppressed, nor it paused, until its attempt is written: a pause waits for claims that have begun, and whoever is held back by a claim
 * is there for the resume that follows.
 */
export async function lockForSending(tx: Db, id: string): Promise<LockedForSending | undefined> {
  // Sent together, run in this order: each statement sees what was committed while the one before it waited.
  const [[owned], , [row]] = await Promise.all([
    tx
      .select({ key: people.key, suppressed: people.suppressed, lastNumber: people.lastNumber })
      .from(people)
      .where(eq(people.key, ownerOf(tx, id)))
      .for('key share'),
    tx
      .select({ turn: readersTurn(sql`${deliveries.campaignId}`) })
      .from(deliveries)
      .where(eq(deliveries.id, id)),
    tx
      .select({ delivery: deliveries, openUntil: destinations.openUntil, isHeld: IS_HELD, journey: ENDS })
      .from(deliveries)
      .leftJoin(destinations, eq(destinations.origin, deliveries.destination))
      .leftJoin(campaigns, eq(campaigns.id, deliveries.campaignId))
      .leftJoin(journeys, eq(journeys.id, deliveries.journeyId))
      .where(eq(deliveries.id, id))
      .for('no key update', { of: deliveries }),
  ]);
  if (!row) return undefined;
  if (!owned || owned.key !== row.delivery.personKey) throw ownerChanged();
  const { journey, ...held } = row;
  const ends = journey && journey.endedAt === null ? { ...journey, lastNumber: owned.lastNumber } : null;
  return { ...held, suppressed: owned.suppressed, ends };
}

/** The first is never null where there is a journey: by it the join is seen to have found none. */
const ENDS = { exitEvents: journeys.exitEvents, goalEvent: journeys.goalEvent, endedAt: journeys.endedAt };

const IS_HELD = sql<boolean>`coalesce(${campaigns.state} = 'paused' or ${journeys.createdAt} <= ${campaigns.exitBefore}, false)`;

/** Attempts that a killed process left open become `unknown`: the request may have arrived. Answers how many attempts there were. */
export async function closeLostAttempts(tx: Db, deliveryId: string): Promise<number> {
  const [, [row]] = await Promise.all([
    tx
      .update(attempts)
      .set({ class: 'unknown', error: WORKER_LOST })
      .where(and(eq(attempts.deliveryId, deliveryId), eq(attempts.class, 'started'))),
    tx
      .select({ made: sql<number>`coalesce(max(${attempts.number}), 0)::int` })
      .from(attempts)
      .where(eq(attempts.deliveryId, deliveryId)),
  ]);
  return row?.made ?? 0;
}

export const WORKER_LOST = {
  code: 'worker_lost',
  message: 'The worker stopped during this attempt; the request may have arrived.',
};

export type NewAttempt = Pick<AttemptRow, 'id' | 'deliveryId' | 'number' | 'destination' | 'inFlightUntil'>;

/** Writes the attempt before its request leaves; the delivery waits in no line any more. */
export async function beginAttempt(
  tx: Db,
  attempt: NewAttempt,
  sending: { firstAttemptAt: Date; parkedMs: number; now: Date; resend: string | null; personKey: string },
): Promise<void> {
  const { firstAttemptAt, parkedMs, now, resend, personKey } = sending;
  const progress = sql`first_attempt_at = ${firstAttemptAt.toISOString()}::timestamptz, next_attempt_at = null, parked_ms = ${parkedMs}`;
  const update =
    resend === null
      ? sql`
        update deliveries
        set state = case state when 'approved' then 'queued' else state end, updated_at = clock_timestamp(), ${progress},
            position = coalesce(position, (select last_number from people where key = ${personKey}))
        where id = ${attempt.deliveryId}`
      : sql`update resends set ${progress} where id = ${resend}`;
  await tx.execute(sql`
    with sending as (${update}
    ), line as (
      delete from parked where delivery_id = ${attempt.deliveryId}
    ), pause as (
      delete from paused_deliveries where delivery_id = ${attempt.deliveryId}
    )
    insert into attempts (id, delivery_id, number, destination, in_flight_until, trigger, class, started_at)
    values (${attempt.id}, ${attempt.deliveryId}, ${attempt.number}, ${attempt.destination},
            ${attempt.inFlightUntil.toISOString()}::timestamptz, ${resend === null ? 'automatic' : 'manual'}, 'started', ${now.toISOString()}::timestamptz)`);
}

export type LockedSend = { delivery: DeliveryRow; person: PersonRow; latestAttempt: string | undefined };

/**
 * Holds a delivery until the transaction ends, and first its person, as everywhere: for a change of them, or only so that they are
 * not erased meanwhile. Undefined when they were.
 */
export async function lockSend(tx: Db, id: string, options: { withPerson: boolean }): Promise<LockedSend | undefined> {
  // Sent together, run in this order: each statement sees what was committed while the one before it waited.
  const [[owned], [row], [latest]] = await Promise.all([
    tx
      .select({ key: people.key })
      .from(people)
      .where(eq(people.key, ownerOf(tx, id)))
      .for(options.withPerson ? 'no key update' : 'key share'),
    tx
      .select({ delivery: deliveries, person: people })
      .from(deliveries)
      .innerJoin(people, eq(people.key, deliveries.personKey))
      .where(eq(deliveries.id, id))
      .for('no key update', { of: deliveries }),
    tx
      .select({ id: attempts.id })
      .from(attempts)
      .where(eq(attempts.deliveryId, id))
      .orderBy(desc(attempts.number))
      .limit(1),
  ]);
  if (row && row.person.key !== owned?.key) throw ownerChanged();
  return row && { ...row, latestAttempt: latest?.id };
}

export type AttemptEnd = Omit<
  typeof attempts.$inferSelect,
  'id' | 'deliveryId' | 'number' | 'destination' | 'inFlightUntil' | 'trigger' | 'startedAt'
>;

/** Where a delivery goes, and what the journey's log says of it. */
export type DeliveryMove = {
  state: DeliveryState;
  set: Pick<DeliveryRow, 'error' | 'nextAttemptAt'> & Partial<Pick<DeliveryRow, 'mapping' | 'answer'>>;
  log?: Record<string, Json>;
};

/** What an attempt leaves behind at its destination, as it was when the statement began. */
export type LeftBehind = { othersWait: boolean; openUntil: Date | null };

/** Writes what came of an attempt, and what that makes of its delivery, in one statement: many may end at once. */
export async function recordAttempt(
  tx: Db,
  delivery: DeliveryRow,
  { id, destination, end, move }: { id: string; destination: string; end: AttemptEnd; move: DeliveryMove | null },
): Promise<LeftBehind> {
  const ended = sql`ended as (
      update attempts
      set class = ${end.class}, duration_ms = ${end.durationMs}, phases = ${json(end.phases)}, status = ${end.status},
          error = ${json(end.error)}, response_headers = ${json(end.responseHeaders)},
          response_body = ${end.responseBody}, truncated = ${end.truncated}, next_attempt_at = ${at(end.nextAttemptAt)}
      where id = ${id}
    )`;
  const [row] = await tx.execute<{ others_wait: boolean; open_until: number | null }>(sql`
    with ${sql.join([ended, ...(move ? moveParts(delivery, move) : [])], sql`, `)}
    select exists (select 1 from parked where destination = ${destination} and ${IN_TURN}) as others_wait,
      (select (extract(epoch from open_until) * 1000)::float8 from destinations where origin = ${destination}) as open_until`);
  const openUntil = row?.open_until ?? null;
  return { othersWait: row?.others_wait ?? false, openUntil: openUntil === null ? null : new Date(openUntil) };
}

/** Writes where a delivery goes; its journey's log says what came of it. */
export async function moveDelivery(tx: Db, delivery: DeliveryRow, move: DeliveryMove): Promise<void> {
  await tx.execute(sql`with ${sql.join(moveParts(delivery, move), sql`, `)} select`);
}

function moveParts({ id, journeyId, stepId }: DeliveryRow, { state, set, log }: DeliveryMove): SQL[] {
  const moved = sql`moved as (
      update deliveries
      set state = ${state}, error = ${json(set.error)}, next_attempt_at = ${at(set.nextAttemptAt)},
          ${set.mapping === undefined ? sql`` : sql`mapping = ${json(set.mapping)},`}
          ${set.answer === undefined ? sql`` : sql`answer = ${set.answer},`}
          sent_at = ${state === 'sent' ? sql`clock_timestamp()` : null}, updated_at = clock_timestamp()
      where id = ${id}
    )`;
  // Whoever still waits for it, in whichever line, waits no more.
  const left = sql`waits_no_more as (delete from parked where delivery_id = ${id}),
    pauses_no_more as (delete from paused_deliveries where delivery_id = ${id})`;
  const logged = sql`logged as (
      insert into journey_log (journey_id, step, what, details)
      values (${journeyId}, ${stepId}, ${state}, ${json({ delivery: id, ...log })})
      on conflict do nothing
    )`;
  return [moved, ...(state === 'attempted' ? [] : [left]), ...(log && journeyId && stepId ? [logged] : [])];
}

const json = (value: unknown) => sql`${value === null ? null : JSON.stringify(value)}::jsonb`;
const at = (moment: Date | null) => sql`${moment?.toISOString() ?? null}::timestamptz`;

/** The kept answers of a journey's earlier steps, sealed, by step. */
export async function listAnswers(
  db: Db,
  journeyId: string,
): Promise<{ id: string; stepId: string | null; answer: Buffer | null }[]> {
  return db
    .select({ id: deliveries.id, stepId: deliveries.stepId, answer: deliveries.answer })
    .from(deliveries)
    .where(eq(deliveries.journeyId, journeyId));
}

/** What a delivery waits for, at its destination or by its campaign, and until when where that is known. */
export type InLine = { reason: ParkingReason | 'pause'; until: Date | null };

export type DeliveryDetail = DeliveryRow & {
  person: string;
  attempts: AttemptRow[];
  resends: ResendRow[];
  parked: InLine | null;
};

type LineRow = {
  line: typeof parked.$inferSelect | null;
  openUntil: Date | null;
  pause: typeof pausedDeliveries.$inferSelect | null;
};

export function waitingInLine({ line, openUntil, pause }: LineRow): InLine | null {
  if (pause) return { reason: 'pause', until: null };
  if (!line) return null;
  const untils = { slot: null, breaker: openUntil, rateLimit: line.dueAt };
  return { reason: line.reason, until: untils[line.reason] };
}

export async function findDelivery(db: Db, id: string): Promise<DeliveryDetail | undefined> {
  const [row] = await db
    .select({
      delivery: deliveries,
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
    .where(eq(deliveries.id, id));
  if (!row) return undefined;
  const [made, resends, refusals] = await Promise.all([
    db.select().from(attempts).where(eq(attempts.deliveryId, id)).orderBy(asc(attempts.number)),
    listResends(db, [id]),
    readRefusals(db, [id]),
  ]);
  const delivery = {
    ...row.delivery,
    person: row.person,
    attempts: made,
    resends: resends.get(id) ?? [],
    parked: waitingInLine(row),
  };
  return withRefusals(delivery, refusals);
}
