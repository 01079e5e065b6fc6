import { sql, type SQL } from 'drizzle-orm';
import type { ShownError } from '../domain/request/shown-error.ts';
import type { Db } from './open.ts';
import type { DeliveryRow } from './deliveries.ts';
import type { ResendRow } from './resends.ts';
import { deliveries, OPEN_STATES } from './schema/deliveries.ts';

/** Why Temporal does not start a workflow that has still to begin, by its id. */
type Refusals = Map<string, ShownError>;

/** Of a delivery: that it, or a resend of it, has not begun to be sent since Temporal refuses to start the workflow. */
export const isRefused = sql`${deliveries.id} in (
  select own.id from commands join deliveries as own on own.id = command->>'delivery'
  where commands.error is not null and (
    command->>'type' = 'startDelivery' and own.state = any(${sql.param(OPEN_STATES)}::text[])
    or exists (select from resends where id = command->>'resend' and ended_at is null)))`;

/** Why deliveries, and their resends, have not begun to be sent. There are few of these rows, with an index of their own. */
export const readRefusals = (db: Db, ids: string[]): Promise<Refusals> =>
  read(db, sql`command->>'delivery' = any(${sql.param(ids)}::text[])`);

export async function readBroadcastRefusal(db: Db, id: string): Promise<ShownError | null> {
  const workflowId = `broadcast/${id}`;
  return (await read(db, sql`workflow_id = ${workflowId}`)).get(workflowId) ?? null;
}

async function read(db: Db, which: SQL): Promise<Refusals> {
  const rows = await db.execute<{ workflow_id: string; error: string }>(sql`
    select workflow_id, error from commands
    where error is not null and command->>'type' like 'start%' and ${which}`);
  return new Map(rows.map((row) => [row.workflow_id, refused(row.error)]));
}

const refused = (error: string): ShownError => ({
  code: 'workflow_refused',
  message: `Temporal refuses to start its workflow (${error}). It is told again at least every ten minutes, and all goes on when it takes it.`,
});

/** A delivery with what keeps it, or a resend of it, from beginning as their error. */
export function withRefusals<D extends Pick<DeliveryRow, 'id' | 'state' | 'error'> & { resends: ResendRow[] }>(
  delivery: D,
  refusals: Refusals,
): D {
  const { id, state, error, resends } = delivery;
  const refusal = OPEN_STATES.includes(state) ? refusals.get(`delivery/${id}`) : undefined;
  const shown = (resend: ResendRow) =>
    resend.endedAt ? resend : { ...resend, error: refusals.get(`resend/${resend.id}`) ?? resend.error };
  return { ...delivery, error: error ?? refusal ?? null, resends: resends.map(shown) };
}
