import {
  isGrpcServiceError,
  WorkflowExecutionAlreadyStartedError,
  WorkflowNotFoundError,
  type Client,
  type WorkflowStartOptions,
} from '@temporalio/client';
import { readBroadcastStart } from '../db/broadcasts.ts';
import {
  claimCommands,
  deleteCommands,
  failCommand,
  hasStartBehind,
  isWorkflowNeeded,
  readDeliveryStart,
  readJourneyStarts,
  releaseCommands,
  type ClaimedCommand,
  type JourneyStart,
} from '../db/commands.ts';
import type { Db } from '../db/open.ts';
import { leaveSettled } from '../db/parked.ts';
import type { Command } from '../db/schema/journeys.ts';
import { PLAN_VERSION } from '../domain/walk.ts';
import { labelAttributes, searchAttributes, WAKE_SIGNAL, type Labels } from '../workflows/messages.ts';
import { forgetWorkflow } from './forget.ts';

const COMMANDS_AT_ONCE = 64;
/** Longer than a call to Temporal may take: a lease must not end under its holder. */
export const LEASE_MS = 30_000;
const CALL_DEADLINE_MS = 10_000;

export type CarryDependencies = {
  db: Db;
  client: Client;
  taskQueue: string;
  /** Whether the four search attributes are registered at this moment; without them journeys start without. */
  withSearchAttributes: () => boolean;
  onRefused: (command: ClaimedCommand, error: unknown) => void;
};

/** Temporal could not be reached, or turned us away as a whole: what it did not take is tried again. */
export class TemporalAway extends Error {}

/** Carries the oldest commands to Temporal, all at once. Answers how many it carried; throws `TemporalAway` when Temporal is. */
export async function carryCommands(dependencies: CarryDependencies): Promise<number> {
  return carryClaimed(dependencies, await claimCommands(dependencies.db, COMMANDS_AT_ONCE, LEASE_MS));
}

/** Carries commands that are leased by us. Answers how many it carried; throws `TemporalAway` when Temporal is. */
export async function carryClaimed(dependencies: CarryDependencies, claimed: ClaimedCommand[]): Promise<number> {
  const { db, client, onRefused } = dependencies;
  if (claimed.length === 0) return 0;
  const starts = await readJourneyStarts(
    db,
    claimed.flatMap(({ command }) => (command.type === 'startJourney' ? [command.journey] : [])),
  );
  const results = await Promise.all(
    claimed.map(async (command) => {
      try {
        const carrying = () => carry(dependencies, command, starts);
        const isTaken = await client.withDeadline(Date.now() + CALL_DEADLINE_MS, carrying);
        return { command, isTaken, error: null };
      } catch (error) {
        return { command, isTaken: false, error };
      }
    }),
  );
  const failed = results.filter(({ error }) => error !== null);
  const someWereTaken = results.some(({ isTaken }) => isTaken);
  const isRefused = ({ command, error }: (typeof results)[number]) =>
    isRefusal(command, error) || (someWereTaken && isAboutOne(error));
  const away = failed.filter((result) => !isRefused(result));
  const refused = failed.filter(isRefused);
  await deleteCommands(
    db,
    results.filter(({ error }) => error === null).map(({ command }) => command.id),
  );
  await releaseCommands(
    db,
    away.map(({ command }) => command.id),
  );
  for (const { command, error } of refused) {
    const isOver = await hasEnded(db, command);
    if (isOver && command.command.type === 'wake')
      await leaveSettled(db, { id: command.command.subject, workflowId: command.workflowId });
    // A wake that was written as its workflow was found gone stands in front of the new start, which looks for itself.
    if (isOver || (isUnheard(command, error) && (await hasStartBehind(db, command)))) {
      await deleteCommands(db, [command.id]);
      continue;
    }
    onRefused(command, error);
    await failCommand(db, command.id, reasonOf(error));
  }
  if (away[0]) throw new TemporalAway('Temporal takes no commands', { cause: away[0].error });
  return claimed.length;
}

/** Whether what a command was for has ended; a broadcast that is gone is started again, and looks for itself. */
const hasEnded = async (db: Db, command: ClaimedCommand): Promise<boolean> =>
  command.command.type !== 'forget' && (isBroadcastWake(command) || !(await isWorkflowNeeded(db, command.workflowId)));

/** Answers whether Temporal has taken something: not where there was nothing to tell it, or perhaps nothing to forget. */
async function carry(
  dependencies: CarryDependencies,
  { workflowId, command }: ClaimedCommand,
  starts: Map<string, JourneyStart>,
): Promise<boolean> {
  switch (command.type) {
    case 'startJourney': {
      const start = starts.get(command.journey);
      if (start) await startJourney(dependencies, workflowId, start);
      return start !== undefined;
    }
    case 'startDelivery':
    case 'startResend':
      return startDelivery(dependencies, workflowId, command);
    case 'startBroadcast':
      return startBroadcast(dependencies, workflowId, command.broadcast);
    case 'wake':
      await dependencies.client.workflow.getHandle(workflowId).signal(WAKE_SIGNAL, command.subject);
      return true;
    case 'forget':
      await forgetWorkflow(dependencies.client, workflowId);
      return false;
  }
}

/**
 * One of a broadcast has its labels as memo, and shows them itself as search attributes, once it is taken up: Temporal takes a start that
 * has none sooner.
 */
async function startJourney(dependencies: CarryDependencies, workflowId: string, journey: JourneyStart) {
  const labels: Labels = { campaign: journey.campaign, person: journey.personKey };
  const isOfMany = journey.broadcastId !== null;
  const withAttributes = dependencies.withSearchAttributes();
  const showsItself = withAttributes && isOfMany;
  const planVersion = showsItself ? PLAN_VERSION : PLAN_VERSION_WITHOUT_MEMO;
  const input = { journey: journey.id, planVersion, plan: journey.plan };
  const running = { key: searchAttributes.state, value: 'running' };
  await start(dependencies, 'journey', {
    workflowId,
    args: [journey.position === null ? input : { ...input, position: journey.position }],
    staticSummary: `${journey.campaign} · version ${journey.version}`,
    ...(isOfMany && { priority: WITH_WHAT_IS_LEFT }),
    ...(showsItself && { memo: labels }),
    ...(withAttributes && !isOfMany && { typedSearchAttributes: [...labelAttributes(labels), running] }),
  });
}

/** Workers that know no memo yet walk the others too. */
const PLAN_VERSION_WITHOUT_MEMO = 2;

/** Nothing is started for one that was erased with its person. */
async function startDelivery(
  dependencies: CarryDependencies,
  workflowId: string,
  { type: _type, ...named }: Extract<Command, { delivery: string }>,
) {
  const found = await readDeliveryStart(dependencies.db, named.delivery);
  if (!found) return false;
  await start(dependencies, 'delivery', { workflowId, args: [{ ...named, ...found }], staticSummary: found.label });
  return true;
}

/** One that is closed in Temporal, however it was, is started again: its row says that it has not ended. */
async function startBroadcast(dependencies: CarryDependencies, workflowId: string, id: string) {
  const found = await readBroadcastStart(dependencies.db, id);
  if (!found) return false;
  await start(dependencies, 'broadcast', {
    workflowId,
    workflowIdReusePolicy: 'ALLOW_DUPLICATE',
    args: [{ broadcast: id }],
    staticSummary: `${found.campaign} · version ${found.version}`,
    ...(dependencies.withSearchAttributes() && {
      typedSearchAttributes: [{ key: searchAttributes.campaign, value: found.campaign }],
    }),
  });
  return true;
}

/** Temporal's default is 3: a worker that cannot keep up with a broadcast takes up first what comes of events. */
const WITH_WHAT_IS_LEFT = { priorityKey: 4 };

/** What a workflow task costs that was given to a worker just as it stopped or was killed. */
const WORKFLOW_TASK_TIMEOUT = '5s';

/** Already started counts as done: the row in Postgres decided, and an id is used for one start only. */
async function start(
  { client, taskQueue }: CarryDependencies,
  type: string,
  options: Omit<WorkflowStartOptions, 'taskQueue'>,
): Promise<void> {
  try {
    await client.workflow.start(type, {
      workflowIdReusePolicy: 'REJECT_DUPLICATE',
      workflowTaskTimeout: WORKFLOW_TASK_TIMEOUT,
      ...options,
      taskQueue,
    });
  } catch (error) {
    if (!(error instanceof WorkflowExecutionAlreadyStartedError)) throw error;
  }
}

/** A wake of a workflow that is gone. */
const isUnheard = ({ command }: ClaimedCommand, error: unknown) =>
  command.type === 'wake' && error instanceof WorkflowNotFoundError;

const isBroadcastWake = ({ workflowId, command }: ClaimedCommand) =>
  command.type === 'wake' && workflowId.startsWith('broadcast/');

/** The client says what it was doing, its cause what Temporal answered. */
function reasonOf(error: unknown): string {
  const cause = error instanceof Error && error.cause !== undefined ? `: ${String(error.cause)}` : '';
  return `${String(error)}${cause}`;
}

const CANCELLED = 1;
const INVALID_ARGUMENT = 3;
const PERMISSION_DENIED = 7;
const RESOURCE_EXHAUSTED = 8;
const UNIMPLEMENTED = 12;
const DEADLINE_EXCEEDED = 4;
const UNAVAILABLE = 14;
/** We cancel no call: a server that cannot keep up resets its stream. */
const IN_TROUBLE = new Set<number>([CANCELLED, DEADLINE_EXCEEDED, RESOURCE_EXHAUSTED, UNAVAILABLE]);

const answerIn = (error: unknown) =>
  isGrpcServiceError(error) ? error : error instanceof Error ? error.cause : undefined;

/** Temporal could not do it, and is neither away, slow nor asked too much: where it does others, that is this one's own trouble. */
function isAboutOne(error: unknown): boolean {
  const answer = answerIn(error);
  return isGrpcServiceError(answer) && !IN_TROUBLE.has(answer.code);
}

/** Only what Temporal says about this one command. A wrong key, a missing namespace or a server in trouble concerns them all. */
function isRefusal(claimed: ClaimedCommand, error: unknown): boolean {
  if (isUnheard(claimed, error)) return true;
  const { command } = claimed;
  const answer = answerIn(error);
  if (!isGrpcServiceError(answer)) return false;
  // Not every key may delete, nor can every server: all else goes on.
  if (command.type === 'forget' && (answer.code === PERMISSION_DENIED || answer.code === UNIMPLEMENTED)) return true;
  const isTooLarge = answer.code === RESOURCE_EXHAUSTED && /larger than max/.test(answer.details);
  return answer.code === INVALID_ARGUMENT || isTooLarge;
}
