import { proxyActivities } from '@temporalio/workflow';

const { nothing } = proxyActivities<{ nothing(): Promise<void> }>({ startToCloseTimeout: '10s' });

/** The baseline: as little as a workflow with one activity can do. */
export async function bare(): Promise<void> {
  await nothing();
}
