import { sql } from 'drizzle-orm';
import type { ErrorCode } from '../domain/errors.ts';
import { decideDrafts } from './drafts.ts';
import type { Db } from './open.ts';
import { rewriteDrafts, type RewriteDependencies, type Rewrite } from './rewrite-drafts.ts';
import { deliveries, type Actor } from './schema/deliveries.ts';
import type { Task } from './schema/jobs.ts';

export type Refusal = { id: string; code: ErrorCode };

/** What became of each delivery that a task was applied to. */
export type Applied = { done: string[]; refused: Refusal[] };

/** `rerender`: how a draft becomes what its campaign's current version makes of it. */
export type Rerender = RewriteDependencies & Pick<Rewrite, 'render'>;

export type TaskContext = { by: Actor; now: Date; rerender: Rerender };

/** Applies a task to these deliveries, each of which it does or refuses, in the transaction `db`. */
export function applyTask(db: Db, task: Task, ids: string[], context: TaskContext): Promise<Applied> {
  switch (task.type) {
    case 'approve':
    case 'discard':
      return decideAll(db, { decision: task.type, reason: task.reason }, ids, context);
    case 'rerender':
      return rerenderAll(db, task.reason, ids, context);
  }
}

async function decideAll(
  db: Db,
  decision: { decision: 'approve' | 'discard'; reason: string | null },
  ids: string[],
  { by, now }: TaskContext,
): Promise<Applied> {
  const done = await decideDrafts(db, ids, { ...decision, by, now });
  const others = without(ids, done);
  const states = await readStates(db, others);
  const refused = others.map((id): Refusal => {
    const state = states.get(id);
    if (state === undefined) return { id, code: 'deliveries.not_found' };
    return { id, code: state === 'drafted' ? 'deliveries.expired' : 'deliveries.not_drafted' };
  });
  return { done, refused };
}

async function rerenderAll(
  db: Db,
  reason: string | null,
  ids: string[],
  { by, now, rerender: { render, ...dependencies } }: TaskContext,
): Promise<Applied> {
  const rewrite = { what: 'rerendered', version: 'current', by, now, reason, render, details: {} } as const;
  const { done, refused } = await rewriteDrafts(db, dependencies, ids, rewrite);
  return { done, refused: refused.map(({ id, error }) => ({ id, code: error.code })) };
}

function without(ids: string[], done: string[]): string[] {
  const gone = new Set(done);
  return ids.filter((id) => !gone.has(id));
}

async function readStates(db: Db, ids: string[]) {
  if (ids.length === 0) return new Map();
  const rows = await db
    .select({ id: deliveries.id, state: deliveries.state })
    .from(deliveries)
    .where(sql`${deliveries.id} = any(${sql.param(ids)}::text[])`);
  return new Map(rows.map(({ id, state }) => [id, state]));
}
