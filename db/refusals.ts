import { sql, type SQL } from 'drizzle-orm';
import type { ShownError } from '../domain/request/shown-error.ts';
import type { Db } from './open.ts';
import type { ResendRow } from './resends.ts';

/** Why Temporal does not start a workflow that has still to begin, by its id. */
type Refusals = Map<string, ShownError>;

/** The deliveries that have not begun to be sent, or to be sent again, since Temporal refuses to start their workflow. */
export const REFUSED_DELIVERIES = sql`select command->>'delivery' from commands where error is not null`;

/** Why deliveries, and their resends, have not begun to be sent. There are few of these rows, with an index of their own. */
export const readRefusals = (db: Db, deliveries: string[]): Promise<Refusals> =>
  read(db, sql`command->>'delivery' = any(${sql.param(deliveries)}::text[])`);

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
export function withRefusals<D extends { id: string; error: ShownError | null; resends: ResendRow[] }>(
  delivery: D,
  refusals: Refusals,
): D {
  return {
    ...delivery,
    error: delivery.error ?? refusals.get(`delivery/${delivery.id}`) ?? null,
    resends: delivery.resends.map((resend) => ({
      ...resend,
      error: resend.error ?? refusals.get(`resend/${resend.id}`) ?? null,
    })),
  };
}
