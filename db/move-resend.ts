import { eq, sql } from 'drizzle-orm';
import { moveDelivery, type DeliveryMove, type DeliveryRow } from './deliveries.ts';
import type { Db } from './open.ts';
import { deliveries } from './schema/deliveries.ts';
import { parked } from './schema/destinations.ts';
import { resends } from './schema/resends.ts';

/**
 * Writes where a resend goes, whose delivery is held: on to its next attempt, or to its end. `move` is what the outcome would make
 * of a first sending, null where it makes nothing of it: a delivery that is sent stays so, and its journey waits for nothing.
 */
export async function moveResend(
  tx: Db,
  delivery: DeliveryRow,
  id: string,
  { move, ended }: { move: DeliveryMove | null; ended: boolean },
): Promise<void> {
  const error = move?.set.error ?? null;
  if (!ended) {
    if (move) await tx.update(resends).set({ error, nextAttemptAt: move.set.nextAttemptAt }).where(eq(resends.id, id));
    return;
  }
  const now = sql`clock_timestamp()`;
  await Promise.all([
    tx
      .update(resends)
      .set({ error, nextAttemptAt: null, endedAt: sql`coalesce(${resends.endedAt}, ${now})` })
      .where(eq(resends.id, id)),
    tx.delete(parked).where(eq(parked.deliveryId, delivery.id)),
    move?.state === 'sent'
      ? moveDelivery(tx, delivery, move)
      : tx
          .update(deliveries)
          .set({ updatedAt: now, ...(error && delivery.state === 'failed' && { error }) })
          .where(eq(deliveries.id, delivery.id)),
  ]);
}
