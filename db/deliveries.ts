import { and, asc, desc, eq, sql } from 'drizzle-orm';
import type { Db } from './open.ts';
import { attempts, deliveries, type DeliveryState, type MappingResult, type StoredError } from './schema/deliveries.ts';
import { people } from './schema/people.ts';

export type DeliveryRow = typeof deliveries.$inferSelect;
export type AttemptRow = typeof attempts.$inferSelect;

export type NewDelivery = typeof deliveries.$inferInsert;

/** Stores what was rendered for a step; the step's unique key makes a second one impossible. */
export async function insertDelivery(tx: Db, delivery: NewDelivery): Promise<void> {
  await tx.insert(deliveries).values(delivery);
}

export async function lockDelivery(tx: Db, id: string): Promise<DeliveryRow | undefined> {
  const [delivery] = await tx.select().from(deliveries).where(eq(deliveries.id, id)).for('no key update');
  return delivery;
}

/** Attempts that a killed process left open become `unknown`: the request may have arrived. Answers how many attempts there were. */
export async function closeLostAttempts(tx: Db, deliveryId: string): Promise<number> {
  await tx
    .update(attempts)
    .set({
      class: 'unknown',
      error: { code: 'worker_lost', message: 'The worker stopped during this attempt; the request may have arrived.' },
    })
    .where(and(eq(attempts.deliveryId, deliveryId), eq(attempts.class, 'started')));
  const [row] = await tx
    .select({ made: sql<number>`coalesce(max(${attempts.number}), 0)::int` })
    .from(attempts)
    .where(eq(attempts.deliveryId, deliveryId));
  return row?.made ?? 0;
}

/** The id of the delivery's newest attempt. */
export async function latestAttempt(tx: Db, deliveryId: string): Promise<string | undefined> {
  const [attempt] = await tx
    .select({ id: attempts.id })
    .from(attempts)
    .where(eq(attempts.deliveryId, deliveryId))
    .orderBy(desc(attempts.number))
    .limit(1);
  return attempt?.id;
}

/** Writes the attempt before its request leaves. */
export async function beginAttempt(
  tx: Db,
  attempt: { id: string; deliveryId: string; number: number },
  firstAttemptAt: Date,
): Promise<void> {
  await Promise.all([
    tx.insert(attempts).values({ ...attempt, trigger: 'automatic', class: 'started' }),
    tx
      .update(deliveries)
      .set({ firstAttemptAt, nextAttemptAt: null, updatedAt: sql`now()` })
      .where(eq(deliveries.id, attempt.deliveryId)),
  ]);
}

export type AttemptEnd = Omit<typeof attempts.$inferInsert, 'id' | 'deliveryId' | 'number' | 'trigger' | 'startedAt'>;

export async function finishAttempt(tx: Db, id: string, end: AttemptEnd): Promise<void> {
  await tx.update(attempts).set(end).where(eq(attempts.id, id));
}

export type DeliveryEnd = {
  state: DeliveryState;
  error?: StoredError | null;
  mapping?: MappingResult;
  answer?: Buffer | null;
  nextAttemptAt?: Date | null;
};

/** Writes what an attempt made of the delivery. */
export async function moveDelivery(tx: Db, id: string, end: DeliveryEnd): Promise<void> {
  await tx
    .update(deliveries)
    .set({ ...end, updatedAt: sql`now()`, ...(end.state === 'sent' && { sentAt: sql`clock_timestamp()` }) })
    .where(eq(deliveries.id, id));
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

export type DeliveryDetail = DeliveryRow & { person: string; attempts: AttemptRow[] };

export async function findDelivery(db: Db, id: string): Promise<DeliveryDetail | undefined> {
  const [row] = await db
    .select({ delivery: deliveries, person: people.id })
    .from(deliveries)
    .innerJoin(people, eq(people.key, deliveries.personKey))
    .where(eq(deliveries.id, id));
  if (!row) return undefined;
  const made = await db.select().from(attempts).where(eq(attempts.deliveryId, id)).orderBy(asc(attempts.number));
  return { ...row.delivery, person: row.person, attempts: made };
}
