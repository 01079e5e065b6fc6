import { z } from 'zod';
import { listDeliveries, listDeliveryIds, type DeliveryFilter } from '../db/delivery-list.ts';
import { createJob } from '../db/jobs.ts';
import type { Db } from '../db/open.ts';
import type { DeliveryState } from '../db/schema/deliveries.ts';
import type { Task } from '../db/schema/jobs.ts';
import { applyTask, type Rerender } from '../db/tasks.ts';
import { HooklineError } from '../domain/errors.ts';
import { decided, jobStarted } from './answers/deliveries.ts';
import { assertItems } from './body.ts';
import { checkFilter, deliveryFilter } from './delivery-filter.ts';
import type { AnswerOf, Caller } from './route.ts';
import { clientId, ordinal, time } from './schemas.ts';
import { shownDeliveries } from './shown-delivery.ts';

/** So many deliveries can be decided by one request; more than the second number are left to a job. */
const MOST = 10_000;
const MOST_AT_ONCE = 500;
const SAMPLE = 10;

const ONE_OF = 'send either ids or filter';

/** What every request about many deliveries has; `filter` is that of the list, among deliveries of one of these states. */
export function bulkFields<S extends DeliveryState>(states: readonly [S, ...S[]]) {
  const filter = z
    .strictObject({
      ...deliveryFilter,
      state: z.enum(states).default(states[0]),
      version: ordinal.optional(),
      createdAfter: time.optional(),
      createdBefore: time.optional(),
    })
    .superRefine(checkFilter);
  return {
    ids: z.array(clientId).min(1).optional(),
    filter: filter.optional(),
    expect: z.int().min(0).optional(),
    dryRun: z.boolean().optional(),
  };
}

type Bulk = z.infer<z.ZodObject<ReturnType<typeof bulkFields<DeliveryState>>>>;

/** Exactly one of `ids` and `filter` says which deliveries are meant. */
export function checkBulk({ ids, filter }: Pick<Bulk, 'ids' | 'filter'>, context: z.RefinementCtx): void {
  if ((ids === undefined) === (filter === undefined))
    context.addIssue({ code: 'custom', path: ['ids'], message: ONE_OF });
}

/** The bodies by status. */
export const bulkAnswers = { 200: decided, 202: jobStarted };

export type BulkDependencies = { now: () => Date; wakeCarrier: () => void; rerender: Rerender };

/** Applies a task to the deliveries that were named, at once or by a job; `states` are those that it takes. */
export async function decideMany(
  db: Db,
  { now, wakeCarrier, rerender }: BulkDependencies,
  { task, states, asked, caller }: { task: Task; states: readonly DeliveryState[]; asked: Bulk; caller: Caller },
): Promise<AnswerOf<typeof bulkAnswers>> {
  assertItems(asked.ids ?? [], MOST);
  const matching = await matchingIds(db, states, asked);
  const matched = matching.length;
  if (matched > MOST) throw tooMany();
  if (asked.expect !== undefined && asked.expect !== matched) throw otherCount(asked.expect, matched);
  if (asked.dryRun) return { status: 200, body: { matched, sample: await sampleOf(db, matching, now()) } };

  const ids = [...new Set(asked.ids ?? matching)];
  const by = { key: caller.key, actor: caller.actor };
  if (ids.length > MOST_AT_ONCE)
    return { status: 202, body: { job: { id: await createJob(db, { task, by, matched, ids }) } } };
  const { done, refused } = await db.transaction((tx) => applyTask(tx, task, ids, { by, now: now(), rerender }));
  return { status: 200, body: { decided: done.length, refused }, after: wakeCarrier };
}

/** Those that can be decided as they are now, oldest first; one more than are allowed tells that there are too many. */
async function matchingIds(db: Db, states: readonly DeliveryState[], { ids, filter }: Bulk): Promise<string[]> {
  const { createdAfter, createdBefore, ...others } = filter ?? {};
  const page = { limit: MOST + 1, createdAfter, createdBefore };
  const wanted: DeliveryFilter[] = filter ? [others] : states.map((state) => ({ ids, state }));
  const found = await Promise.all(wanted.map((each) => listDeliveryIds(db, page, each)));
  return found.flat();
}

async function sampleOf(db: Db, matching: string[], now: Date) {
  const page = { limit: SAMPLE, order: 'asc' as const };
  const { data } = await listDeliveries(db, page, { ids: matching.slice(0, SAMPLE) }, { withBodies: false });
  return shownDeliveries(data, now);
}

const tooMany = () =>
  new HooklineError(
    'deliveries.too_many',
    `More than ${MOST} deliveries match, and at most ${MOST} are decided at a time. Narrow the filter, as with createdBefore.`,
  );

const otherCount = (expected: number, matched: number) =>
  new HooklineError(
    'deliveries.other_count',
    `You expected ${expected} deliveries, and ${matched} match. Nothing was done; look at them with dryRun.`,
  );
