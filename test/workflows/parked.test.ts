import type { TestWorkflowEnvironment } from '@temporalio/testing';
import { workflowMetadataQuery } from '@temporalio/workflow';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Parked } from '../../activities/admission.ts';
import { WAKE_SIGNAL } from '../../workflows/messages.ts';
import { eventually } from '../support/eventually.ts';
import { fakeActivities, runJourney, startTimeSkipping, summaries } from '../support/workflows.ts';

let env: TestWorkflowEnvironment;

beforeAll(async () => {
  env = await startTimeSkipping();
});
afterAll(() => env.teardown());

const plan = { steps: [{ type: 'webhook' as const, id: 'tell', timeoutMs: 4_000 }] };
const prepared = {
  tell: { type: 'webhook' as const, delivery: 'dlv_1', label: 'POST https://a.example', send: true },
};
const sent = { state: 'sent' as const, exit: false, detail: 'webhook tell sent' };

/** A journey whose first sends have to wait; each answer says for how long. */
function parkedFor(...answers: { reason: Exclude<Parked['reason'], 'approval' | 'pause'>; ms: number }[]) {
  const left = [...answers];
  return fakeActivities({
    prepared,
    send: async () => {
      const next = left.shift();
      if (!next) return sent;
      const until = new Date((await env.currentTimeMs()) + next.ms).toISOString();
      return { state: 'parked', reason: next.reason, until };
    },
  });
}

const DAY_MS = 24 * 60 * 60_000;
const sends = (calls: [string, ...unknown[]][]) => calls.filter(([name]) => name === 'sendWebhook').length;

describe.each([
  ['keeps in its cache', 100],
  ['has to replay for each task', 0],
])('a journey that its worker %s, and whose delivery is in line', (_, maxCachedWorkflows) => {
  const run = <T>(fake: ReturnType<typeof parkedFor>, follow: Parameters<typeof runJourney<T>>[1]) =>
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

  it('holds no activity, says what it waits for, and sends when it is woken', async () => {
    const fake = parkedFor({ reason: 'slot', ms: DAY_MS }, { reason: 'breaker', ms: DAY_MS });
    await run(fake, async (handle) => {
      const details = async () => (await handle.query(workflowMetadataQuery)).currentDetails;
      await eventually(async () => (await details())?.includes('waits for a slot at its destination'));
      expect((await handle.describe()).raw.pendingActivities).toEqual([]);
      await handle.signal(WAKE_SIGNAL, 'dlv_other');
      await handle.signal(WAKE_SIGNAL, 'dlv_1');
      await eventually(async () => (await details())?.includes('waits until its destination works again'));
      await handle.signal(WAKE_SIGNAL, 'dlv_1');
      await handle.result();
      expect(await summaries(handle)).toContain('POST https://a.example · tell waits for a slot at its destination');
    });
    expect(sends(fake.calls)).toBe(3);
  });

  it('comes by itself at its own time, and at the end of all waiting', async () => {
    const fake = parkedFor({ reason: 'rateLimit', ms: 90_000 }, { reason: 'slot', ms: DAY_MS });
    const before = await env.currentTimeMs();
    await run(fake, (handle) => handle.result());
    expect((await env.currentTimeMs()) - before).toBeGreaterThanOrEqual(DAY_MS + 90_000);
    expect(sends(fake.calls)).toBe(3);
  });

  it('waits without an end while its campaign is paused, and sends when it is woken', async () => {
    let isPaused = true;
    const fake = fakeActivities({
      prepared,
      send: async () => (isPaused ? { state: 'parked', reason: 'pause', until: null } : sent),
    });
    await run(fake, async (handle) => {
      const details = async () => (await handle.query(workflowMetadataQuery)).currentDetails;
      await eventually(async () => (await details())?.includes('waits until its campaign is resumed'));
      expect((await handle.describe()).raw.pendingActivities).toEqual([]);
      isPaused = false;
      await handle.signal(WAKE_SIGNAL, 'dlv_1');
      await handle.result();
    });
    expect(sends(fake.calls)).toBe(2);
  });

  it('does not mind being woken before it waits', async () => {
    const fake = parkedFor({ reason: 'slot', ms: 1 });
    await run(fake, async (handle) => {
      await handle.signal(WAKE_SIGNAL, 'dlv_1');
      await handle.result();
    });
    expect(sends(fake.calls)).toBeGreaterThanOrEqual(1);
  });
});
