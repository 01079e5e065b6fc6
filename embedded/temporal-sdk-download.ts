import { TestWorkflowEnvironment } from '@temporalio/testing';

// Run as a program: `temporal-sdk-download.ts dev-server|time-skipping <folder>`. The SDK downloads only what it starts.
const [kind, downloadDir] = process.argv.slice(2);
const server = { executable: { type: 'cached-download', downloadDir } } as const;
try {
  const started =
    kind === 'dev-server'
      ? TestWorkflowEnvironment.createLocal({ server })
      : TestWorkflowEnvironment.createTimeSkipping({ server });
  await (await started).teardown();
} catch (error) {
  process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`);
  process.exit(1);
}
process.exit(0);
