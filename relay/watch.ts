import { setTimeout as sleep } from 'node:timers/promises';
import { defineSearchAttributeKey } from '@temporalio/common';
import type { WorkflowExecutionInfo } from '@temporalio/client';
import { claimLostSendings, startUnseenSendings } from '../db/lost.ts';
import { noteNamespace, readNamespace } from '../db/namespaces.ts';
import {
  claimSuspects,
  endOfSpan,
  hasIdle,
  listRefused,
  markStuck,
  placeBetween,
  startUnseen,
  unmarkTasksBut,
  unmarkUnrefused,
  withoutEnded,
  type JourneyRun,
} from '../db/stuck.ts';
import { askAbout, CALL_DEADLINE_MS, type AskDependencies, type Suspect } from './ask.ts';

/** Longer than visibility lags behind: what was closed this long before the last look is listed again. */
const LAG_MS = 5 * 60_000;
const FIRST_LOOK_BACK_MS = 24 * 60 * 60_000;
/** Temporal answers few lists per second: of long ones, this many a second are taken. */
const LISTED_AT_ONCE = 1_000;
const REFUSED_AT_ONCE = 1_000;
/** So many calls take a minute. */
const SUSPECTS_AT_ONCE = 300;
/** Where Temporal fails in the midst of asking, no more than these count as asked about. */
const CLAIMED_AT_ONCE = 25;
/** Then the rest of a look has its turn. */
const REBUILT_FOR_S = 20;

export type WatchDependencies = AskDependencies & {
  taskQueue: string;
  now: () => Date;
  /** From 0 to 1. */
  random: () => number;
  /** The id that Temporal gave the namespace. */
  namespaceId: () => Promise<string>;
  /** Makes a namespace ready that is another one than before. Answers whether it is; if not, all goes on without, and the next look tries again. */
  onNewNamespace: () => Promise<boolean>;
  pace?: Pace;
};

/**
 * When what should have moved counts as overdue, or idle, and is asked about again; at most how often a second Temporal is asked; and of
 * how many of each kind a second it is told that were lost with a namespace.
 */
type Pace = { overdueMs: number; idleMs: number; recheckMs: number; perSecond: number; rebuiltPerSecond: number };

const PACE: Pace = {
  overdueMs: 2 * 60_000,
  idleMs: 24 * 60 * 60_000,
  recheckMs: 10 * 60_000,
  perSecond: 5,
  rebuiltPerSecond: 50,
};

const reportedProblems = defineSearchAttributeKey('TemporalReportedProblems', 'KEYWORD_LIST');

/**
 * Looks for what cannot go on, mends what can be mended, and keeps in Postgres what else it found: routes ask nobody else. Where all is
 * well a look is two lists of Temporal, its namespace, and some small queries. The first one takes all that is due, however little. Answers
 * 0, or 1 where it has not come to an end. Any number of relays may look.
 */
export function createWatch(dependencies: WatchDependencies): () => Promise<number> {
  const { db, now, random } = dependencies;
  const startedAt = now();
  let closedSince = new Date(startedAt.getTime() - FIRST_LOOK_BACK_MS);
  /** Found closed in Temporal, and not asked about yet. */
  const closed = new Map<string, JourneyRun>();
  let isFirst = true;
  /**
   * Behind which place the next look goes on to look for idle ones: that need not be at once, and all are many. Anywhere at first, so that
   * relays that are often started anew come to all of them too.
   */
  let idleBehind: string | undefined;
  /** The namespace that is ready; at first the one that was there before. */
  let readyIn: string | undefined;
  /** A namespace that is another one than before has none of our workflows, nor our search attributes, whichever relay notices it first. */
  const seeNamespace = async () => {
    const { db, log, namespaceId, onNewNamespace } = dependencies;
    const [id, before] = await Promise.all([namespaceId(), readNamespace(db)]);
    const isNew = before !== undefined && id !== before;
    if (isNew)
      log.error({ before, now: id }, 'the namespace of Temporal is a new one: all that goes on is started again there');
    readyIn ??= before ?? id;
    if (id !== readyIn && (await onNewNamespace())) readyIn = id;
    if (id !== before) await noteNamespace(db, id);
    return id;
  };
  /** The namespace in which all was seen. */
  let seenIn: string | undefined;
  const lookForClosed = async () => {
    const lookedAt = now();
    for await (const page of listJourneys(dependencies, closedAfter(closedSince))) {
      for (const { run, info } of page) closed.set(info.workflowId, run);
    }
    idleBehind ??= await placeBetween(db, random());
    const behind = await endOfSpan(db, idleBehind);
    const { left, hasIdleLeft } = await askAboutSuspects(dependencies, {
      ...{ closed, idleBehind },
      startedAt: isFirst ? startedAt : null,
    });
    if (!hasIdleLeft) idleBehind = behind;
    if (left === 0) isFirst = false;
    closedSince = new Date(lookedAt.getTime() - LAG_MS);
    return left;
  };
  const lookForUnseen = async (namespace: string) => {
    if (seenIn === namespace) return 0;
    const left = await startAllUnseen(dependencies);
    if (left === 0) seenIn = namespace;
    return left;
  };
  return async () => {
    const namespace = await seeNamespace();
    // None keeps the others from looking: an old server does not know of failing tasks.
    const looks = await Promise.allSettled([
      markFailingTasks(dependencies),
      lookForClosed().then(async (left) => Math.max(left, await lookForUnseen(namespace))),
    ]);
    await markRefused(dependencies);
    const [failing, left] = looks;
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
  const remedy = causes.includes('BadSearchAttributes')
    ? 'register the search attributes, with the command that a worker prints when it starts'
    : 'deploy a worker that is mended';
  return `The tasks of its workflow fail in the worker (${causes.join(', ') || 'cause unknown'}). The Temporal UI shows the error; ${remedy}, and the journey goes on by itself.`;
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

/** Asks about who was listed as closed, and then about who is overdue; at the start, about all that is due and was not asked about since. */
async function askAboutSuspects(
  dependencies: WatchDependencies,
  { closed, idleBehind, startedAt }: { closed: Map<string, JourneyRun>; idleBehind: string; startedAt: Date | null },
): Promise<{ left: number; hasIdleLeft: boolean }> {
  const { db, now, pace = PACE } = dependencies;
  const listed = [...closed].slice(0, SUSPECTS_AT_ONCE);
  const open = await withoutEnded(
    db,
    listed.map(([, run]) => run),
  );
  const at = now();
  const ago = (ms: number) => new Date(at.getTime() - ms);
  const look = {
    now: at,
    overdueBefore: startedAt ?? ago(pace.overdueMs),
    idleBefore: ago(pace.idleMs),
    askedBefore: startedAt ?? ago(pace.recheckMs),
  };
  await askAbout(dependencies, ofJourneys(open), pace.perSecond);
  for (const [workflowId] of listed) closed.delete(workflowId);
  let isFull = true;
  for (let rest = SUSPECTS_AT_ONCE - open.length; isFull && rest > 0; rest -= CLAIMED_AT_ONCE) {
    const claimed = await claimEach(Math.min(rest, CLAIMED_AT_ONCE), [
      async (limit) => ofJourneys(await claimSuspects(db, { ...look, limit, idleBehind })),
      (limit) => claimLostSendings(db, 'delivery', { ...look, limit }),
      (limit) => claimLostSendings(db, 'resend', { ...look, limit }),
    ]);
    await askAbout(dependencies, claimed.suspects, pace.perSecond);
    isFull = claimed.isFull;
  }
  // Where there are too many to be asked about, some of the span may be left.
  return { left: isFull ? 1 : 0, hasIdleLeft: isFull && (await hasIdle(db, { ...look, idleBehind })) };
}

/**
 * Has all started that was begun in an earlier namespace: so many a second, for a while. Nobody is asked: Temporal takes none that it
 * has. What was due already has been asked about before.
 */
async function startAllUnseen(dependencies: WatchDependencies): Promise<number> {
  const { db, now, log, signal, onRestart, pace = PACE } = dependencies;
  for (let second = 0; second < REBUILT_FOR_S; second += 1) {
    const look = { now: now(), limit: pace.rebuiltPerSecond };
    const journeys = await startUnseen(db, look);
    const deliveries = await startUnseenSendings(db, 'delivery', look);
    const resends = await startUnseenSendings(db, 'resend', look);
    const started = journeys + deliveries + resends;
    if (started === 0) return 0;
    log.warn({ journeys, deliveries, resends }, 'started again what an earlier namespace had');
    onRestart();
    await sleep(1_000, undefined, { signal });
  }
  return 1;
}

const ofJourneys = (runs: JourneyRun[]): Suspect[] => runs.map((run) => ({ type: 'journey', run }));

/** Claims one kind after the other, as many as are asked about at once. */
async function claimEach(limit: number, claims: ((limit: number) => Promise<Suspect[]>)[]) {
  const suspects: Suspect[] = [];
  for (const claim of claims) {
    if (suspects.length < limit) suspects.push(...(await claim(limit - suspects.length)));
  }
  return { suspects, isFull: suspects.length >= limit };
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
