import { setTimeout as sleep } from 'node:timers/promises';
import { WorkflowNotFoundError, type Client, type WorkflowClient } from '@temporalio/client';
import type { Logger } from 'pino';
import { failClosed, restartSending, type Sending } from '../db/lost.ts';
import type { Db } from '../db/open.ts';
import { markStuck, restartJourney, unmarkClosed, type JourneyRun } from '../db/stuck.ts';
import { UNMAPPED } from '../domain/journey/map-answer.ts';
import { journeyWorkflowId, sendingWorkflowId } from '../workflows/messages.ts';

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
  /** There is a workflow to be started. */
  onRestart: () => void;
  /** Ends a look that is under way. */
  signal: AbortSignal;
};

/**
 * Asks Temporal for workflows one by one, so many a second, and mends what is to be mended: who is gone is started again, who was
 * closed is marked, or has failed.
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
  const status = await client.withDeadline(Date.now() + CALL_DEADLINE_MS, () => statusOf(client, workflowId));
  if (status === null) {
    const isRestarted =
      suspect.type === 'journey' ? await restartJourney(db, suspect.run) : await restartSending(db, suspect);
    if (!isRestarted) return;
    log.warn({ workflowId }, 'a workflow is gone from Temporal: it is started again');
    return onRestart();
  }
  const how = CLOSED.get(status);
  if (suspect.type !== 'journey') return how === undefined ? undefined : fail(dependencies, suspect, workflowId, how);
  if (how === undefined) return unmarkClosed(db, suspect.run);
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

async function statusOf(client: Asking, workflowId: string): Promise<string | null> {
  try {
    return (await client.workflow.getHandle(workflowId).describe()).status.name;
  } catch (error) {
    if (error instanceof WorkflowNotFoundError) return null;
    throw error;
  }
}
