import type { TestWorkflowEnvironment } from '@temporalio/testing';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { fakeActivities, runJourney, startTimeSkipping } from '../support/workflows.ts';

let env: TestWorkflowEnvironment;

beforeAll(async () => {
  env = await startTimeSkipping();
});

afterAll(() => env.teardown());

it('a journey whose sending worker is not heard of sends again long before its activity may end', async () => {
  let attempts = 0;
  const fake = fakeActivities({
    prepared: { tell: { type: 'webhook', delivery: 'dlv_1', label: 'POST https://a.example', send: true } },
    async send(attempt) {
      attempts = attempt;
      // Longer than the heartbeat may stay away, shorter than the activity may take. Only this call lets time jump here.
      if (attempt === 1) await env.sleep('8s');
      return { state: 'sent', exit: false, detail: 'webhook tell sent' };
    },
  });
  const plan = { steps: [{ type: 'webhook', id: 'tell', timeoutMs: 4_000 } as const] };
  const { client, nativeConnection: connection } = env;
  await runJourney({ client, connection, activities: fake.activities, input: { plan } }, (handle) => handle.result());
  expect(attempts).toBe(2);
  expect(fake.calls.at(-1)).toEqual(['endJourney', { journey: 'jrn_1', state: 'completed', reason: null }]);
});
