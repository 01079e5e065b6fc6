import { setTimeout as sleep } from 'node:timers/promises';
import {
  WorkflowNotFoundError,
  type Client,
  type WorkflowClient,
  type WorkflowExecutionDescription,
} from '@temporalio/client';
import type { Logger } from 'pino';
import { failClosed, restartSending, wakeSending, type Sending } from '../db/lost.ts';
import type { Db } from '../db/open.ts';
import { markStuck, restartJourney, unmarkClosed, wakeJourney, type JourneyRun } from '../db/stuck.ts';
import { UNMAPPED } from '../domain/journey/map-answer.ts';
import { journeyWorkflowId, searchAttributes, sendingWorkflowId } from '../workflows/messages.ts';

export const CALL_DEADLINE_MS = 5_000;

/** What it takes to ask Temporal. */
export type Asking = Pick<Client, 'withDeadline'> & {
  workflow: Pick<WorkflowClient, 'list' | 'getHandle'>;
};

/** Whose workflow may be gone. */
export type Suspect = { type: 'journey'; run: JourneyRun } | Sending;

export type AskDependencies = {
  db: Db;
  client: Asking;
  log: Logger;
  /** There is a workflow to be started, or to be woken. */
  onRestart: () => void;
  /** Ends a look that is under way. */
  signal: AbortSignal;
};

/**
 * Asks Temporal for workflows one by one, so many a second, and mends what is to be mended: who is gone is started again, who was
 * closed is marked, or has failed, and who runs is woken where it may have missed something.
 */
export async function askAbout(dependencies: AskDependencies, suspects: Suspect[], perSecond: number): Promise<void> {
  for (const suspect of suspects) {
    await judge(dependencies, suspect);
    await sleep(1_000 / perSecond, undefined, { signal: dependencies.signal });
  }
}

async function judge(dependencies: AskDependencies, suspect: Suspect): Promise<void> {
  const { db, client, log, onRestart } = dependencies;
  const workflowId =
    suspect.type === 'journey'
      ? journeyWorkflowId(suspect.run.id, suspect.run.run)
      : sendingWorkflowId(suspect.type, suspect.id);
  const found = await client.withDeadline(Date.now() + CALL_DEADLINE_MS, () => describe(client, workflowId));
  if (found === null) {
    const isRestarted =
      suspect.type === 'journey' ? await restartJourney(db, suspect.run) : await restartSending(db, suspect);
    if (!isRestarted) return;
    log.warn({ workflowId }, 'a workflow is gone from Temporal: it is started again');
    return onRestart();
  }
  const how = CLOSED.get(found.status.name);
  if (how === undefined) return wake(dependencies, suspect, found);
  if (suspect.type !== 'journey') return fail(dependencies, suspect, workflowId, how);
  const reason = `Its workflow ${how} in Temporal, and is not started again by itself. Reset it there, and the journey goes on; or end the journey with POST /v1/journeys/${suspect.run.id}/exit.`;
  const fresh = await markStuck(db, 'closed', [{ ...suspect.run, reason }]);
  if (fresh > 0) log.error({ workflowId }, `a journey is stuck: its workflow ${how} in Temporal`);
}

const CLOSED = new Map([
  ['TERMINATED', 'was terminated'],
  ['CANCELLED', 'was cancelled'],
  ['FAILED', 'failed'],
  ['TIMED_OUT', 'timed out'],
  ['COMPLETED', 'has completed'],
]);

/**
 * Temporal may have lost a signal that it had taken, as where it was restored from a backup: a workflow that runs is told again what it
 * may wait for, as far as that has come. Where it says at which step it waits, that is what came there and no more.
 */
async function wake({ db, log, onRestart }: AskDependencies, suspect: Suspect, found: WorkflowExecutionDescription) {
  if (suspect.type === 'journey') await unmarkClosed(db, suspect.run);
  const step = found.typedSearchAttributes.get(searchAttributes.step) ?? null;
  const isWoken =
    suspect.type === 'journey' ? await wakeJourney(db, suspect.run, step) : await wakeSending(db, suspect);
  if (!isWoken) return;
  log.info({ workflowId: found.workflowId }, 'a workflow may have missed what it waits for: it is woken again');
  onRestart();
}

/** It holds nobody up: who wants it sent after all says so. */
async function fail({ db, log }: AskDependencies, sending: Sending, workflowId: string, how: string): Promise<void> {
  const error = {
    code: 'workflow_closed',
    message: `Its workflow ${how} in Temporal before it was sent. Send it again with POST /v1/deliveries/:id/resend.`,
  };
  const move = {
    state: 'failed',
    set: { error, nextAttemptAt: null, mapping: UNMAPPED },
    log: { error },
  } as const;
  if (await failClosed(db, sending, move)) log.error({ workflowId }, `a delivery has failed: its workflow ${how}`);
}

async function describe(client: Asking, workflowId: string): Promise<WorkflowExecutionDescription | null> {
  try {
    return await client.workflow.getHandle(workflowId).describe();
  } catch (error) {
    if (error instanceof WorkflowNotFoundError) return null;
    throw error;
  }
}
