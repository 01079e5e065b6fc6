import { ApplicationFailure, type WorkflowHandle } from '@temporalio/client';
import type { TestWorkflowEnvironment } from '@temporalio/testing';
import { workflowMetadataQuery } from '@temporalio/workflow';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Prepared } from '../../domain/walk.ts';
import type { JourneyInput } from '../../workflows/journey.ts';
import { eventually } from '../support/eventually.ts';
import { fakeActivities, type JourneyHandle, runJourney, startTimeSkipping, summaries } from '../support/workflows.ts';

const DAY_MS = 24 * 60 * 60 * 1000;

let env: TestWorkflowEnvironment;

beforeAll(async () => {
  env = await startTimeSkipping();
});

afterAll(() => env.teardown());

/** A delay from the server's time on, which the tests skip. */
const inDays = (days: number) => async (): Promise<Prepared> => ({
  type: 'delay',
  until: new Date((await env.currentTimeMs()) + days * DAY_MS).toISOString(),
});

const tell: Prepared = { type: 'webhook', delivery: 'dlv_1', label: 'POST https://a.example', send: true };

const plan: JourneyInput['plan'] = {
  steps: [
    { type: 'delay', id: 'rest' },
    {
      type: 'branch',
      id: 'fork',
      cases: [
        [
          { type: 'update', id: 'note' },
          { type: 'webhook', id: 'tell', timeoutMs: 4_000 },
        ],
      ],
      otherwise: [{ type: 'exit', id: 'out' }],
    },
  ],
};

const prepared = () => ({
  rest: inDays(30),
  fork: { type: 'branch', taken: 0 } satisfies Prepared,
  note: { type: 'update' } satisfies Prepared,
  tell,
  out: { type: 'ended', reason: 'not for them' } satisfies Prepared,
});

const detailsOf = async (handle: WorkflowHandle) => (await handle.query(workflowMetadataQuery)).currentDetails;

describe.each([
  ['keeps in its cache', 100],
  ['has to replay for each task', 0],
])('a journey that its worker %s', (_, maxCachedWorkflows) => {
  type Follow<T> = (handle: JourneyHandle) => Promise<T>;
  const result: Follow<void> = (handle) => handle.result();

  const run = <T>(
    { activities }: ReturnType<typeof fakeActivities>,
    follow: Follow<T>,
    input: Partial<JourneyInput> = {},
  ) =>
    runJourney(
      {
        client: env.client,
        connection: env.nativeConnection,
        activities,
        input: { plan, ...input },
        maxCachedWorkflows,
      },
      follow,
    );

  it('waits for thirty days, and calls each activity once, in order', async () => {
    const fake = fakeActivities({ prepared: prepared() });
    const before = await env.currentTimeMs();
    await run(fake, result);
    expect((await env.currentTimeMs()) - before).toBeGreaterThanOrEqual(30 * DAY_MS);
    expect(fake.calls).toEqual([
      ['prepare', { journey: 'jrn_1', step: 'rest', type: 'delay' }],
      ['prepare', { journey: 'jrn_1', step: 'fork', type: 'branch' }],
      ['prepare', { journey: 'jrn_1', step: 'note', type: 'update' }],
      ['prepare', { journey: 'jrn_1', step: 'tell', type: 'webhook' }],
      ['sendWebhook', { delivery: 'dlv_1' }],
      ['endJourney', { journey: 'jrn_1', state: 'completed', reason: null }],
    ]);
  });

  it('does not wait for what is past', async () => {
    const before = await env.currentTimeMs();
    let after = Number.POSITIVE_INFINITY;
    const fake = fakeActivities({
      prepared: {
        ...prepared(),
        rest: { type: 'delay', until: '2020-01-01T00:00:00.000Z' },
        async fork() {
          after = await env.currentTimeMs();
          return { type: 'branch', taken: 0 };
        },
      },
    });
    await run(fake, result);
    expect(after - before).toBeLessThan(DAY_MS);
  });

  it('ends with the reason of its exit', async () => {
    const fake = fakeActivities({ prepared: { ...prepared(), fork: { type: 'branch', taken: null } } });
    await run(fake, async (handle) => {
      await handle.result();
      expect(await detailsOf(handle)).toBe('- ✅ rest\n- ✅ fork\n- ✅ out\n\nExited: not for them');
    });
    expect(fake.calls.at(-1)).toEqual(['endJourney', { journey: 'jrn_1', state: 'exited', reason: 'not for them' }]);
  });

  it('ends where a failed webhook says so', async () => {
    const send = async () => ({ state: 'failed', exit: true, detail: 'webhook tell failed' }) as const;
    const fake = fakeActivities({ prepared: prepared(), send });
    await run(fake, result);
    expect(fake.calls.at(-1)).toEqual([
      'endJourney',
      { journey: 'jrn_1', state: 'exited', reason: 'webhook tell failed' },
    ]);
  });

  it('is taken up at its position, inside a branch, and decides nothing before it', async () => {
    const fake = fakeActivities({ prepared: prepared() });
    await run(fake, result, { position: 'tell' });
    expect(fake.calls).toEqual([
      ['prepare', { journey: 'jrn_1', step: 'tell', type: 'webhook' }],
      ['sendWebhook', { delivery: 'dlv_1' }],
      ['endJourney', { journey: 'jrn_1', state: 'completed', reason: null }],
    ]);
  });

  it('sends again after the delay that a retryable failure asks for', async () => {
    const times: number[] = [];
    const fake = fakeActivities({
      prepared: prepared(),
      async send(attempt) {
        times.push(await env.currentTimeMs());
        if (attempt > 1) return { state: 'sent', exit: false, detail: 'webhook tell sent' };
        throw ApplicationFailure.create({
          type: 'delivery.retryable',
          nextRetryDelay: '3 hours',
          message: 'answered 503',
        });
      },
    });
    await run(fake, result);
    expect(times).toHaveLength(2);
    const hours = (Number(times[1]) - Number(times[0])) / 3_600_000;
    expect(hours).toBeGreaterThan(2.99);
    expect(hours).toBeLessThan(3.1);
  });

  it('asks again where an activity failed unexpectedly, and is not lost', async () => {
    let failures = 0;
    const fake = fakeActivities({
      prepared: {
        ...prepared(),
        async note() {
          failures += 1;
          if (failures < 3) throw new Error('the database is away');
          return { type: 'update' };
        },
      },
    });
    await run(fake, result);
    expect(failures).toBe(3);
    expect(fake.calls.at(-1)).toEqual(['endJourney', { journey: 'jrn_1', state: 'completed', reason: null }]);
  });

  it('says where it is, and until when', async () => {
    const fake = fakeActivities({ prepared: prepared() });
    await run(fake, async (handle) => {
      const waiting = await eventually(() => detailsOf(handle));
      expect(waiting).toMatch(/^- ⏳ rest: its delay, since \d{4}-\S+Z, until \d{4}-\d\d-\d\dT[\d:.]+Z$/);
      await handle.result();
      expect(await detailsOf(handle)).toBe('- ✅ rest\n- ✅ fork\n- ✅ note\n- ✅ tell\n\nCompleted');
    });
  });

  it('shows beside timer and activity what they are for, and nothing personal', async () => {
    const fake = fakeActivities({ prepared: prepared() });
    const shown = await run(fake, async (handle) => {
      await handle.result();
      return summaries(handle);
    });
    expect(shown).toEqual([expect.stringMatching(/^rest until \d{4}-.*Z$/), 'POST https://a.example · tell']);
  });

  it('shows what it sends while it sends', async () => {
    let shown: string | null | undefined;
    const fake = fakeActivities({
      prepared: prepared(),
      async send(_attempt, workflowId) {
        shown = await detailsOf(env.client.workflow.getHandle(workflowId));
        return { state: 'sent', exit: false, detail: 'webhook tell sent' };
      },
    });
    await run(fake, result);
    expect(shown).toMatch(/^- ✅ rest\n- ✅ fork\n- ✅ note\n- ⏳ tell: sending `dlv_1`, since \d{4}-\S+Z$/);
  });
});
