import { sql } from 'drizzle-orm';
import type { ErrorCode } from '../domain/errors.ts';
import { decideDrafts } from './drafts.ts';
import type { Db } from './open.ts';
import { requestResends } from './resends.ts';
import { deliveries, type Actor, type DeliveryState } from './schema/deliveries.ts';
import type { Task } from './schema/jobs.ts';

export type Refusal = { id: string; code: ErrorCode };

/** What became of each delivery that a task was applied to. */
export type Applied = { done: string[]; refused: Refusal[] };

export type TaskContext = { by: Actor; now: Date };

/** Applies a task to these deliveries, each of which it does or refuses; a second time it refuses those that it did. */
export function applyTask(db: Db, task: Task, ids: string[], context: TaskContext): Promise<Applied> {
  switch (task.type) {
    case 'approve':
    case 'discard':
      return decideAll(db, { decision: task.type, reason: task.reason }, ids, context);
    case 'resend':
      return resendAll(db, task, ids, context);
  }
}

async function decideAll(
  db: Db,
  decision: { decision: 'approve' | 'discard'; reason: string | null },
  ids: string[],
  context: TaskContext,
): Promise<Applied> {
  const done = await decideDrafts(db, ids, { ...decision, ...context });
  const refused = await refuseOthers(db, ids, done, ({ state }) =>
    state === 'drafted' ? 'deliveries.expired' : 'deliveries.not_drafted',
  );
  return { done, refused };
}

async function resendAll(
  db: Db,
  { reason, retry }: { reason: string | null; retry: boolean },
  ids: string[],
  { by }: TaskContext,
): Promise<Applied> {
  const done = await requestResends(db, ids, { by, reason, retry, lane: 1 });
  return { done, refused: await refuseOthers(db, ids, done, refusesResend) };
}

type Refused = { state: DeliveryState; rendered: boolean };

/** Why a delivery is not sent again. */
export function refusesResend({ state, rendered }: Refused): ErrorCode {
  if (state !== 'sent' && state !== 'failed') return 'deliveries.not_settled';
  return rendered ? 'deliveries.under_way' : 'deliveries.not_rendered';
}

/** Those that were not done, each with the code that `why` finds by what it is now. */
async function refuseOthers(
  db: Db,
  ids: string[],
  done: string[],
  why: (delivery: Refused) => ErrorCode,
): Promise<Refusal[]> {
  const gone = new Set(done);
  const others = ids.filter((id) => !gone.has(id));
  if (others.length === 0) return [];
  const rows = await db
    .select({ id: deliveries.id, state: deliveries.state, rendered: sql<boolean>`${deliveries.frozen} is not null` })
    .from(deliveries)
    .where(sql`${deliveries.id} = any(${sql.param(others)}::text[])`);
  const found = new Map(rows.map((row) => [row.id, row]));
  return others.map((id) => {
    const delivery = found.get(id);
    return { id, code: delivery ? why(delivery) : 'deliveries.not_found' };
  });
}
