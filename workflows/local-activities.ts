import { proxyLocalActivities } from '@temporalio/workflow';
import type { Activities } from '../activities/index.ts';

/** Short, and soon a timer: a database that is away must not keep workflow tasks open. */
export const { prepare, endWait, endJourney, exitJourney, stopBroadcast, cancelDelivery } =
  proxyLocalActivities<Activities>({
    startToCloseTimeout: '10s',
    localRetryThreshold: '5s',
    retry: { initialInterval: '500ms', maximumInterval: '1m' },
  });
