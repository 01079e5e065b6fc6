import { randomUUID } from 'node:crypto';
import type { WorkflowHandle, WorkflowHandleWithFirstExecutionRunId } from '@temporalio/client';
import { TestWorkflowEnvironment } from '@temporalio/testing';
import { Worker } from '@temporalio/worker';
import { workflowMetadataQuery } from '@temporalio/workflow';
import { afterAll, beforeAll, describe, expect, inject, it, onTestFinished } from 'vitest';
import type { Page, PageWait } from '../../activities/enter-page.ts';
import { WAKE_SIGNAL } from '../../workflows/messages.ts';
import { eventually } from '../support/eventually.ts';
import { fakeActivities, startTimeSkipping } from '../support/workflows.ts';

let env: TestWorkflowEnvironment;

beforeAll(async () => {
  env = await startTimeSkipping();
});
afterAll(() => env.teardown());

const page = (fields: Partial<Page>): Page => ({
  ...{ state: 'running', ended: false, selected: 0, entered: 0, waitsFor: null },
  ...fields,
});
const completed = page({ state: 'completed', ended: true, selected: 1_200, entered: 1_100 });
const stopped = page({ state: 'stopped', ended: true, selected: 500, entered: 500 });

async function waits(what: PageWait['what'], ms: number): Promise<Page> {
  const until = new Date((await env.currentTimeMs()) + ms).toISOString();
  return page({ selected: 500, entered: 480, waitsFor: { what, until } });
}

/** A broadcast whose pages come to this, one after the other. */
async function run(
  answers: (() => Promise<Page> | Page)[],
  follow: (handle: WorkflowHandleWithFirstExecutionRunId, names: () => string[]) => Promise<void>,
  { maxCachedWorkflows = 100, on = env } = {},
) {
  const left = [...answers];
  const fake = fakeActivities({
    prepared: {},
    enterPage: async () => {
      const next = left.shift();
      if (!next) throw new Error('nobody expected another page');
      return next();
    },
  });
  const taskQueue = `test-${randomUUID()}`;
  const worker = await Worker.create({
    connection: on.nativeConnection,
    taskQueue,
    workflowBundle: { codePath: inject('bundlePath') },
    activities: fake.activities,
    maxCachedWorkflows,
  });
  await worker.runUntil(async () => {
    const handle = await on.client.workflow.start('broadcast', {
      workflowId: `broadcast/brd_${randomUUID()}`,
      taskQueue,
      args: [{ broadcast: 'brd_1' }],
    });
    await follow(handle, () => fake.calls.map(([name]) => name));
  });
}

const details = async (handle: WorkflowHandle) => (await handle.query(workflowMetadataQuery)).currentDetails;

describe.each([
  ['keeps in its cache', 100],
  ['has to replay for each task', 0],
])('a broadcast that its worker %s', (_, maxCachedWorkflows) => {
  it('asks for page after page, waits where it is told to, and says how far it is', async () => {
    const answers = [() => page({ selected: 500 }), () => waits('starts', 5_000), () => waits('due', 86_400_000)];
    await run(
      [...answers, () => completed],
      async (handle, names) => {
        await handle.result();
        expect(names()).toEqual(['enterPage', 'enterPage', 'enterPage', 'enterPage']);
        expect(await details(handle)).toBe('- 1200 people selected, 1100 entered\n- ✅ completed');
      },
      { maxCachedWorkflows },
    );
  });

  it('goes on when it is woken while its campaign is paused', async () => {
    await run(
      [() => waits('resume', 3_600_000), () => completed],
      async (handle) => {
        await eventually(async () => (await details(handle))?.includes('waits for its campaign to be resumed'));
        await handle.signal(WAKE_SIGNAL, 'brd_1');
        // The time is not skipped before somebody awaits the result.
        await eventually(async () => (await handle.describe()).status.name === 'COMPLETED');
      },
      { maxCachedWorkflows },
    );
  });

  it('is stopped where it is cancelled in Temporal, and takes back what has not begun', async () => {
    await run(
      [() => waits('starts', 3_600_000), () => page({ state: 'stopped' }), () => stopped],
      async (handle, names) => {
        await eventually(async () => (await details(handle))?.includes('waits for journeys to begin'));
        await handle.cancel();
        await handle.result();
        expect(names()).toEqual(['enterPage', 'stopBroadcast', 'enterPage', 'enterPage']);
        expect(await details(handle)).toBe('- 500 people selected, 500 entered\n- ❌ stopped');
      },
      { maxCachedWorkflows },
    );
  });
});

it('a long broadcast is continued as a new workflow', async () => {
  // What is otherwise suggested after thousands of events is suggested after six.
  const hasty = await TestWorkflowEnvironment.createLocal({
    server: {
      executable: { type: 'existing-path', path: inject('temporalBinary') },
      extraArgs: ['--dynamic-config-value', 'limit.historyCount.suggestContinueAsNew=6'],
    },
  });
  onTestFinished(() => hasty.teardown());
  const soon = () => page({ waitsFor: { what: 'starts', until: new Date(Date.now() + 1).toISOString() } });
  await run(
    [soon, soon, soon, soon, () => completed],
    async (handle, names) => {
      await handle.result();
      expect((await handle.describe()).runId).not.toBe(handle.firstExecutionRunId);
      expect(names()).toHaveLength(5);
    },
    { on: hasty },
  );
});
