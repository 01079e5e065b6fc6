import { sql } from 'drizzle-orm';
import { lockDelivery, type DeliveryRow } from './deliveries.ts';
import { clearProbe } from './destinations.ts';
import type { Db } from './open.ts';

/**
 * Undoes the claim of an attempt whose request never left: it costs no retry, and its place at the destination is free. What was closed
 * as lost meanwhile, by who took over, stays as it is.
 */
export async function giveBackAttempt(
  db: Db,
  { id, delivery, destination }: { id: string; delivery: Pick<DeliveryRow, 'id'>; destination: string },
): Promise<void> {
  await db.transaction(async (tx) => {
    await lockDelivery(tx, delivery.id);
    // A resend's first attempt has its id; that of a delivery was begun at the moment that it notes.
    await tx.execute(sql`
      with gone as (
        delete from attempts where id = ${id} and class = 'started' returning id, started_at
      ), resend as (
        update resends set first_attempt_at = null from gone where resends.id = gone.id
      )
      update deliveries set first_attempt_at = null, position = null
      from gone where deliveries.id = ${delivery.id} and first_attempt_at = started_at`);
    await clearProbe(tx, destination, id);
  });
}
