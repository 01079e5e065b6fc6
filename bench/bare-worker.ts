import { fileURLToPath } from 'node:url';
import { NativeConnection, Worker } from '@temporalio/worker';
import { NO_LOOP_LIMIT } from '../workflow-limits.ts';

/** The baseline's worker: a process of its own, as Hookline's is, with the same settings. */
const [address = '', taskQueue = ''] = process.argv.slice(2);
const worker = await Worker.create({
  connection: await NativeConnection.connect({ address }),
  taskQueue,
  workflowsPath: fileURLToPath(new URL('./bare-workflow.ts', import.meta.url)),
  activities: { nothing: async () => {} },
  maxCachedWorkflows: 1_000,
  maxConcurrentActivityTaskExecutions: 200,
  ...NO_LOOP_LIMIT,
});
process.send?.({ type: 'ready' });
await worker.run();
