import { and, asc, desc, eq, sql } from 'drizzle-orm';
import type { Json } from '../domain/json.ts';
import { logJourney, ownerChanged } from './journeys.ts';
import type { Db } from './open.ts';
import type { PersonRow } from './people.ts';
import { listResends, type ResendRow } from './resends.ts';
import { attempts, deliveries, type DeliveryState } from './schema/deliveries.ts';
import { destinations, parked, type ParkingReason } from './schema/destinations.ts';
import { people } from './schema/people.ts';

export type DeliveryRow = typeof deliveries.$inferSelect;
export type AttemptRow = typeof attempts.$inferSelect;

export type NewDelivery = typeof deliveries.$inferInsert;

/** Stores what was rendered for a step; the step's unique key makes a second one impossible. */
export async function insertDelivery(tx: Db, delivery: NewDelivery): Promise<void> {
  await tx.insert(deliveries).values(delivery);
}

/**
 * Holds a delivery that is to be sent, and before it its person, so that they are neither erased nor suppressed until its attempt is
 * written.
 */
export async function lockToSend(
  tx: Db,
  id: string,
): Promise<{ delivery: DeliveryRow; suppressed: boolean } | undefined> {
  const [[person], [delivery]] = await Promise.all([
    tx
      .select({ key: people.key, suppressed: people.suppressed })
      .from(people)
      .where(eq(people.key, ownerOf(tx, id)))
      .for('key share'),
    tx.select().from(deliveries).where(eq(deliveries.id, id)).for('no key update'),
  ]);
  if (!delivery) return undefined;
  if (!person || person.key !== delivery.personKey) throw ownerChanged();
  return { delivery, suppressed: person.suppressed };
}

const ownerOf = (tx: Db, id: string) =>
  tx.select({ key: deliveries.personKey }).from(deliveries).where(eq(deliveries.id, id));

export async function lockDelivery(tx: Db, id: string): Promise<DeliveryRow | undefined> {
  const [delivery] = await tx.select().from(deliveries).where(eq(deliveries.id, id)).for('no key update');
  return delivery;
}

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
  typeof attempts.$inferInsert,
  'id' | 'deliveryId' | 'number' | 'destination' | 'inFlightUntil' | 'trigger' | 'startedAt'
>;

/** Where a delivery goes, and what the journey's log says of it. */
export type DeliveryMove = {
  state: DeliveryState;
  set: Partial<Pick<DeliveryRow, 'error' | 'mapping' | 'answer' | 'nextAttemptAt'>>;
  log?: Record<string, Json>;
};

/** Writes what came of an attempt, and what that makes of its delivery. */
export async function recordAttempt(
  tx: Db,
  delivery: DeliveryRow,
  attempt: { id: string; end: AttemptEnd; move: DeliveryMove | null },
): Promise<void> {
  await Promise.all([
    tx.update(attempts).set(attempt.end).where(eq(attempts.id, attempt.id)),
    attempt.move && moveDelivery(tx, delivery, attempt.move),
  ]);
}

/** Writes where a delivery goes; its journey's log says what came of it. */
export async function moveDelivery(tx: Db, delivery: DeliveryRow, { state, set, log }: DeliveryMove): Promise<void> {
  const { id, journeyId, stepId } = delivery;
  const sentAt = state === 'sent' ? sql`clock_timestamp()` : null;
  await Promise.all([
    tx
      .update(deliveries)
      .set({ ...set, state, sentAt, updatedAt: sql`clock_timestamp()` })
      .where(eq(deliveries.id, id)),
    // Whoever still waits for it, in whichever line, waits no more.
    state !== 'attempted' && tx.delete(parked).where(eq(parked.deliveryId, id)),
    log &&
      journeyId &&
      stepId &&
      logJourney(tx, journeyId, { step: stepId, what: state, details: { delivery: id, ...log } }),
  ]);
}

/** Ends what was to be sent and is not to be sent any more; a delivery that is settled, or a draft, stays as it is. */
export async function cancelDelivery(db: Db, id: string): Promise<void> {
  await db.execute(sql`
    with cancelled as (
      update deliveries
      set state = 'cancelled', mapping = jsonb_set(mapping, '{state}', '"none"'), next_attempt_at = null,
          updated_at = clock_timestamp()
      where id = ${id} and state in ('approved', 'queued', 'attempted')
      returning id
    )
    delete from parked where delivery_id in (select id from cancelled)`);
}

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

/** What a delivery waits for at its destination, and until when where that is known. */
export type InLine = { reason: ParkingReason; until: Date | null };

export type DeliveryDetail = DeliveryRow & {
  person: string;
  attempts: AttemptRow[];
  resends: ResendRow[];
  parked: InLine | null;
};

type LineRow = { line: typeof parked.$inferSelect | null; openUntil: Date | null };

export function waitingInLine({ line, openUntil }: LineRow): InLine | null {
  if (!line) return null;
  const untils = { slot: null, breaker: openUntil, rateLimit: line.dueAt };
  return { reason: line.reason, until: untils[line.reason] };
}

export async function findDelivery(db: Db, id: string): Promise<DeliveryDetail | undefined> {
  const [row] = await db
    .select({ delivery: deliveries, person: people.id, line: parked, openUntil: destinations.openUntil })
    .from(deliveries)
    .innerJoin(people, eq(people.key, deliveries.personKey))
    .leftJoin(parked, eq(parked.deliveryId, deliveries.id))
    .leftJoin(destinations, eq(destinations.origin, parked.destination))
    .where(eq(deliveries.id, id));
  if (!row) return undefined;
  const [made, resends] = await Promise.all([
    db.select().from(attempts).where(eq(attempts.deliveryId, id)).orderBy(asc(attempts.number)),
    listResends(db, [id]),
  ]);
  return {
    ...row.delivery,
    person: row.person,
    attempts: made,
    resends: resends.get(id) ?? [],
    parked: waitingInLine(row),
  };
}
