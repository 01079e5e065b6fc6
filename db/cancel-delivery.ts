import { sql } from 'drizzle-orm';
import { lockDelivery } from './deliveries.ts';
import type { Db } from './open.ts';

/** Ends what was to be sent and is not to be sent any more: a delivery, or a resend of it. What is settled, or a draft, stays as it is. */
export function cancelDelivery(
  db: Db,
  { delivery, resend }: { delivery: string; resend?: string | undefined },
): Promise<void> {
  return db.transaction(async (tx) => {
    // In a statement of its own: whoever held it meanwhile may have put it in line, which only a later statement sees.
    await lockDelivery(tx, delivery);
    const cancelled = resend === undefined ? cancelSending(delivery) : cancelResend(resend);
    await tx.execute(sql`
      with cancelled as (${cancelled}
      ), pause as (
        delete from paused_deliveries where delivery_id in (select id from cancelled)
      )
      delete from parked where delivery_id in (select id from cancelled)`);
  });
}

const cancelSending = (id: string) => sql`
  update deliveries
  set state = 'cancelled', mapping = jsonb_set(mapping, '{state}', '"none"'), next_attempt_at = null,
      updated_at = clock_timestamp()
  where id = ${id} and state in ('approved', 'queued', 'attempted')
  returning id`;

const CANCELLED = { code: 'cancelled', message: 'Its workflow was cancelled in Temporal.' };

const cancelResend = (id: string) => sql`
  update resends set ended_at = clock_timestamp(), next_attempt_at = null, error = ${JSON.stringify(CANCELLED)}::jsonb
  where id = ${id} and ended_at is null
  returning delivery_id as id`;
