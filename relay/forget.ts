import { isGrpcServiceError, WorkflowNotFoundError, type Client } from '@temporalio/client';

/**
 * Deletes a workflow with all its runs from Temporal, wherever it stands; what is gone already is done. The earliest run goes first, as
 * the latest one leads to the others: whoever repeats this finds what is left.
 */
export async function forgetWorkflow(client: Client, workflowId: string): Promise<void> {
  const { namespace } = client.options;
  for (const runId of (await runsOf(client, workflowId)).toReversed()) {
    await unlessGone(
      client.workflowService.deleteWorkflowExecution({ namespace, workflowExecution: { workflowId, runId } }),
    );
  }
}

/** The latest run, which is ended, and each that it continues. */
async function runsOf(client: Client, workflowId: string): Promise<string[]> {
  const handle = client.workflow.getHandle(workflowId);
  const latest = await unlessGone(handle.describe());
  if (latest?.status.name === 'RUNNING') await unlessGone(handle.terminate('the person was erased'));
  const runs: string[] = [];
  for (let runId = latest?.runId; runId; runId = await continuedBy(client, { workflowId, runId })) runs.push(runId);
  return runs;
}

async function continuedBy(client: Client, execution: { workflowId: string; runId: string }): Promise<string> {
  const { namespace } = client.options;
  const first = await unlessGone(
    client.workflowService.getWorkflowExecutionHistory({ namespace, execution, maximumPageSize: 1 }),
  );
  const started = first?.history?.events?.[0]?.workflowExecutionStartedEventAttributes;
  return started?.continuedExecutionRunId ?? '';
}

const NOT_FOUND = 5;

async function unlessGone<T>(call: Promise<T>): Promise<T | undefined> {
  try {
    return await call;
  } catch (error) {
    if (error instanceof WorkflowNotFoundError) return undefined;
    if (isGrpcServiceError(error) && error.code === NOT_FOUND) return undefined;
    throw error;
  }
}
