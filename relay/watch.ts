import { setTimeout as sleep } from 'node:timers/promises';
import { defineSearchAttributeKey } from '@temporalio/common';
import {
  WorkflowNotFoundError,
  type Client,
  type WorkflowClient,
  type WorkflowExecutionInfo,
} from '@temporalio/client';
import type { Logger } from 'pino';
import type { Db } from '../db/open.ts';
import {
  claimSuspects,
  listRefused,
  markStuck,
  restartJourney,
  unmarkClosed,
  unmarkTasksBut,
  unmarkUnrefused,
  withoutEnded,
  type JourneyRun,
} from '../db/stuck.ts';
import { journeyWorkflowId } from '../workflows/messages.ts';

/** Longer than visibility lags behind: what was closed this long before the last look is listed again. */
const LAG_MS = 5 * 60_000;
const FIRST_LOOK_BACK_MS = 24 * 60 * 60_000;
const CALL_DEADLINE_MS = 5_000;
/** Temporal answers few lists per second: of long ones, this many a second are taken. */
const LISTED_AT_ONCE = 1_000;
const REFUSED_AT_ONCE = 1_000;
/** So many calls take a minute. */
const SUSPECTS_AT_ONCE = 300;

/** What it takes to ask Temporal. */
export type Asking = Pick<Client, 'withDeadline'> & { workflow: Pick<WorkflowClient, 'list' | 'getHandle'> };

export type WatchDependencies = {
  db: Db;
  client: Asking;
  taskQueue: string;
  now: () => Date;
  log: Logger;
  /** There is a workflow to be started. */
  onRestart: () => void;
  /** Ends a look that is under way. */
  signal: AbortSignal;
  /** When a journey counts as overdue, or idle, and is asked about again; and at most how often a second Temporal is asked. */
  pace?: { overdueMs: number; idleMs: number; recheckMs: number; perSecond: number };
};

const PACE = { overdueMs: 2 * 60_000, idleMs: 24 * 60 * 60_000, recheckMs: 10 * 60_000, perSecond: 5 };

const reportedProblems = defineSearchAttributeKey('TemporalReportedProblems', 'KEYWORD_LIST');

/**
 * Looks for journeys that cannot go on, and keeps in Postgres what it found: routes ask nobody else. Where all is well a look is two
 * lists of Temporal and some small queries. Answers 0, or 1 where it has not come to an end of them. Any number of relays may look.
 */
export function createWatch(dependencies: WatchDependencies): () => Promise<number> {
  const { now } = dependencies;
  let closedSince = new Date(now().getTime() - FIRST_LOOK_BACK_MS);
  /** Found closed in Temporal, and not asked about yet. */
  const closed = new Map<string, JourneyRun>();
  const lookForClosed = async () => {
    const startedAt = now();
    for await (const page of listJourneys(dependencies, closedAfter(closedSince))) {
      for (const { run, info } of page) closed.set(info.workflowId, run);
    }
    const left = await askAbout(dependencies, closed);
    closedSince = new Date(startedAt.getTime() - LAG_MS);
    return left;
  };
  return async () => {
    // None keeps the others from looking: an old server does not know of failing tasks.
    const [failing, left] = await Promise.allSettled([markFailingTasks(dependencies), lookForClosed()]);
    await markRefused(dependencies);
    if (failing.status === 'rejected') throw failing.reason;
    if (left.status === 'rejected') throw left.reason;
    return left.value;
  };
}

async function markFailingTasks(dependencies: WatchDependencies): Promise<void> {
  const { db, log } = dependencies;
  const failing: string[] = [];
  let fresh = 0;
  const query = `ExecutionStatus = 'Running' AND ${reportedProblems.name} IS NOT NULL`;
  for await (const page of listJourneys(dependencies, query)) {
    const found = page.map(({ run, info }) => ({ ...run, reason: tasksFail(info) }));
    fresh += await markStuck(db, 'tasks', found);
    failing.push(...found.map(({ id }) => id));
  }
  await unmarkTasksBut(db, failing);
  if (fresh > 0) log.error({ journeys: fresh }, 'journeys are stuck: the tasks of their workflows fail in the worker');
}

const tasksFail = (info: WorkflowExecutionInfo) => {
  const problems = info.typedSearchAttributes.get(reportedProblems) ?? [];
  const causes = problems.flatMap(
    (problem) => /^cause=(?:WorkflowTask(?:Failed|TimedOut)Cause)?(.+)$/.exec(problem)?.[1] ?? [],
  );
  return `The tasks of its workflow fail in the worker (${causes.join(', ') || 'cause unknown'}). The Temporal UI shows the error; deploy a worker that is mended, and the journey goes on by itself.`;
};

/** Terminated, failed: whatever ends a workflow without ending its journey. A reset also terminates, so each is asked about. */
const closedAfter = (since: Date) =>
  `ExecutionStatus IN ('Terminated', 'Failed', 'TimedOut', 'Canceled') AND CloseTime > '${since.toISOString()}'`;

/** Journeys of our task queue in Temporal's list, page by page. */
async function* listJourneys({ client, taskQueue, signal }: WatchDependencies, query: string) {
  const own = `WorkflowType = 'journey' AND TaskQueue = '${taskQueue.replaceAll("'", "''")}'`;
  const list = client.workflow.list({ query: `${own} AND ${query}`, pageSize: LISTED_AT_ONCE })[Symbol.asyncIterator]();
  const next = () => client.withDeadline(Date.now() + CALL_DEADLINE_MS, () => list.next());
  for (;;) {
    const page: { run: JourneyRun; info: WorkflowExecutionInfo }[] = [];
    let last = await next();
    for (; !last.done; last = await next()) {
      const run = runOf(last.value.workflowId);
      if (run) page.push({ run, info: last.value });
      if (page.length === LISTED_AT_ONCE) break;
    }
    if (page.length > 0) yield page;
    if (last.done) return;
    await sleep(1_000, undefined, { signal });
  }
}

function runOf(workflowId: string): JourneyRun | undefined {
  const [, id, run] = /^journey\/([^/]+)\/(\d+)$/.exec(workflowId) ?? [];
  return id === undefined ? undefined : { id, run: Number(run) };
}

/** Asks Temporal for the workflows of journeys one by one, those that were listed as closed first. */
async function askAbout(dependencies: WatchDependencies, closed: Map<string, JourneyRun>): Promise<number> {
  const { db, now, signal, pace = PACE } = dependencies;
  const listed = [...closed].slice(0, SUSPECTS_AT_ONCE);
  const open = await withoutEnded(
    db,
    listed.map(([, run]) => run),
  );
  const limit = SUSPECTS_AT_ONCE - open.length;
  const overdue = limit > 0 ? await claimSuspects(db, { now: now(), ...pace, limit }) : [];
  for (const suspect of [...open, ...overdue]) {
    await judge(dependencies, suspect);
    await sleep(1_000 / pace.perSecond, undefined, { signal });
  }
  for (const [workflowId] of listed) closed.delete(workflowId);
  return overdue.length === limit ? 1 : 0;
}

async function judge({ db, client, log, onRestart }: WatchDependencies, run: JourneyRun): Promise<void> {
  const workflowId = journeyWorkflowId(run.id, run.run);
  const status = await client.withDeadline(Date.now() + CALL_DEADLINE_MS, () => statusOf(client, workflowId));
  if (status === null) {
    if (!(await restartJourney(db, run))) return;
    log.warn({ workflowId }, 'the workflow of a journey is gone from Temporal: it is started again');
    return onRestart();
  }
  const how = CLOSED.get(status);
  if (how === undefined) return unmarkClosed(db, run);
  const reason = `Its workflow ${how} in Temporal, and is not started again by itself. Reset it there, and the journey goes on; or end the journey with POST /v1/journeys/${run.id}/exit.`;
  const fresh = await markStuck(db, 'closed', [{ ...run, reason }]);
  if (fresh > 0) log.error({ workflowId }, `a journey is stuck: its workflow ${how} in Temporal`);
}

const CLOSED = new Map([
  ['TERMINATED', 'was terminated'],
  ['CANCELLED', 'was cancelled'],
  ['FAILED', 'failed'],
  ['TIMED_OUT', 'timed out'],
  ['COMPLETED', 'has completed'],
]);

async function statusOf(client: Asking, workflowId: string): Promise<string | null> {
  try {
    return (await client.workflow.getHandle(workflowId).describe()).status.name;
  } catch (error) {
    if (error instanceof WorkflowNotFoundError) return null;
    throw error;
  }
}

async function markRefused({ db, log }: WatchDependencies): Promise<void> {
  const refused = await listRefused(db, REFUSED_AT_ONCE);
  const fresh = await markStuck(
    db,
    'command',
    refused.map(({ id, run, type, error }) => ({
      id,
      run,
      reason: `Temporal refuses to ${type === 'wake' ? 'wake' : 'start'} its workflow (${error}). It is told again at least every ten minutes, and the journey goes on when it takes it.`,
    })),
  );
  await unmarkUnrefused(db);
  if (fresh > 0) log.error({ journeys: fresh }, 'journeys are stuck: Temporal refuses what it is told of them');
}
