import type { TestWorkflowEnvironment } from '@temporalio/testing';
import { workflowMetadataQuery } from '@temporalio/workflow';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Plan, Wait } from '../../domain/walk.ts';
import { WAKE_SIGNAL, waitSubject } from '../../workflows/messages.ts';
import { eventually } from '../support/eventually.ts';
import { fakeActivities, runJourney, startTimeSkipping, summaries } from '../support/workflows.ts';

const DAY_MS = 24 * 60 * 60_000;

let env: TestWorkflowEnvironment;

beforeAll(async () => {
  env = await startTimeSkipping();
});
afterAll(() => env.teardown());

const plan: Plan = {
  steps: [
    {
      type: 'wait',
      id: 'pay',
      then: [{ type: 'update', id: 'thank' }],
      onTimeout: [{ type: 'update', id: 'remind' }],
    },
    { type: 'split', id: 'test', variants: [[], [{ type: 'update', id: 'second' }]] },
  ],
};

const OPEN: Wait = { until: null, ended: null };
const inDays = async (days: number): Promise<Wait> => ({
  until: new Date((await env.currentTimeMs()) + days * DAY_MS).toISOString(),
  ended: null,
});

/** A journey whose wait is, each time that somebody looks, as the next of these; the last one stays. */
function waiting(...looks: (Wait | (() => Promise<Wait>))[]) {
  const look = async () => {
    const next = (looks.length > 1 ? looks.shift() : looks[0]) ?? OPEN;
    return typeof next === 'function' ? next() : next;
  };
  return fakeActivities({
    prepared: {
      pay: async () => ({ type: 'wait', ...(await look()) }),
      thank: { type: 'update' },
      remind: { type: 'update' },
      test: { type: 'split', taken: 1 },
      second: { type: 'update' },
    },
    endWait: look,
  });
}

const steps = ({ calls }: ReturnType<typeof fakeActivities>) =>
  calls.flatMap(([name, input]) => (name === 'prepare' ? [input.step] : name === 'endWait' ? ['look'] : []));

describe.each([
  ['keeps in its cache', 100],
  ['has to replay for each task', 0],
])('a journey that its worker %s, and that waits', (_, maxCachedWorkflows) => {
  const run = <T>(fake: ReturnType<typeof waiting>, follow: Parameters<typeof runJourney<T>>[1]) =>
    runJourney(
      {
        client: env.client,
        connection: env.nativeConnection,
        activities: fake.activities,
        input: { plan },
        maxCachedWorkflows,
      },
      follow,
    );

  it('goes on at once where what it waits for has come', async () => {
    const fake = waiting({ until: null, ended: 'then' });
    await run(fake, (handle) => handle.result());
    expect(steps(fake)).toEqual(['pay', 'thank', 'test', 'second']);
  });

  it('looks when it is told of its wait, and takes the way that Postgres says', async () => {
    const fake = waiting(OPEN, { until: null, ended: 'then' });
    await run(fake, async (handle) => {
      const details = async () => (await handle.query(workflowMetadataQuery)).currentDetails;
      await eventually(async () => (await details())?.startsWith('- ⏳ pay: waits, since '));
      await handle.signal(WAKE_SIGNAL, waitSubject('other'));
      await handle.signal(WAKE_SIGNAL, waitSubject('pay'));
      await handle.result();
    });
    expect(steps(fake)).toEqual(['pay', 'look', 'thank', 'test', 'second']);
  });

  it('takes the other way at its time, with a timer that says for what', async () => {
    const before = await env.currentTimeMs();
    const fake = waiting(() => inDays(30), { until: null, ended: 'onTimeout' });
    const shown = await run(fake, async (handle) => {
      await handle.result();
      return summaries(handle);
    });
    expect((await env.currentTimeMs()) - before).toBeGreaterThanOrEqual(30 * DAY_MS);
    expect(steps(fake)).toEqual(['pay', 'look', 'remind', 'test', 'second']);
    expect(shown).toEqual([expect.stringMatching(/^pay until \d{4}-.*Z$/)]);
  });

  it('waits on where the time has moved', async () => {
    const before = await env.currentTimeMs();
    const fake = waiting(
      () => inDays(1),
      () => inDays(10),
      { until: null, ended: 'onTimeout' },
    );
    await run(fake, (handle) => handle.result());
    expect((await env.currentTimeMs()) - before).toBeGreaterThanOrEqual(11 * DAY_MS);
    expect(steps(fake)).toEqual(['pay', 'look', 'look', 'remind', 'test', 'second']);
  });

  it('passes on where only time was waited for, and takes neither way', async () => {
    const fake = waiting({ until: null, ended: 'elapsed' });
    await run(fake, (handle) => handle.result());
    expect(steps(fake)).toEqual(['pay', 'test', 'second']);
  });

  it('is taken up inside the way that it took', async () => {
    const fake = waiting(OPEN);
    await runJourney(
      {
        client: env.client,
        connection: env.nativeConnection,
        activities: fake.activities,
        input: { plan, position: 'remind' },
        maxCachedWorkflows,
      },
      (handle) => handle.result(),
    );
    expect(steps(fake)).toEqual(['remind', 'test', 'second']);
  });
});
