import { Client, Connection } from '@temporalio/client';
import { NativeConnection } from '@temporalio/worker';
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import type { Plan, Prepared } from '../../domain/walk.ts';
import { searchAttributes, WAKE_SIGNAL } from '../../workflows/messages.ts';
import { eventually } from '../support/eventually.ts';
import { fakeActivities, type JourneyHandle, quietRuntime, runJourney } from '../support/workflows.ts';

let connection: NativeConnection;
let client: Client;

beforeAll(async () => {
  quietRuntime();
  const address = inject('temporalAddress');
  connection = await NativeConnection.connect({ address });
  client = new Client({ connection: Connection.lazy({ address }) });
});

afterAll(async () => {
  await client.connection.close();
  await connection.close();
});

const tell: Prepared = { type: 'webhook', delivery: 'dlv_1', label: 'POST https://a.example', send: true };
const soon = async (): Promise<Prepared> => ({ type: 'delay', until: new Date(Date.now() + 300).toISOString() });

const eventTypes = async (handle: JourneyHandle) => {
  const { events } = await handle.fetchHistory();
  return (events ?? []).flatMap((event) => Object.keys(event).filter((key) => key.endsWith('EventAttributes')));
};

describe('search attributes', () => {
  const plan = { steps: [{ type: 'delay', id: 'rest' } as const] };
  const followed = async (handle: JourneyHandle) => {
    await handle.result();
    const { events } = await handle.fetchHistory();
    const states = (events ?? []).flatMap((event) => {
      const fields = event.upsertWorkflowSearchAttributesEventAttributes?.searchAttributes?.indexedFields;
      return fields ? [Buffer.from(fields['HooklineState']?.data ?? '').toString()] : [];
    });
    return { states, attributes: (await handle.describe()).typedSearchAttributes };
  };

  it('say where a journey waits that was started with them, and that it waits no more', async () => {
    const { activities } = fakeActivities({ prepared: { rest: soon } });
    const start = {
      typedSearchAttributes: [
        { key: searchAttributes.campaign, value: 'welcome' },
        { key: searchAttributes.state, value: 'running' },
      ],
    };
    const { attributes, states } = await runJourney(
      { client, connection, activities, input: { plan }, start },
      followed,
    );
    expect(states).toEqual(['"delayed"', '"running"']);
    expect(attributes.get(searchAttributes.campaign)).toBe('welcome');
    expect(attributes.get(searchAttributes.state)).toBe('running');
    expect(attributes.get(searchAttributes.step)).toBeUndefined();
  });

  it.each<[string, Plan['steps'], string[]]>([
    ['with its first wait', [{ type: 'delay', id: 'rest' }], ['"delayed"', '"running"']],
    ['with its first webhook', [{ type: 'webhook', id: 'tell', timeoutMs: 4_000 }], ['"running"']],
    ['with its end', [{ type: 'exit', id: 'out' }], ['"running"']],
  ])(
    'are shown by a journey that was started without them, and knows what they say, %s',
    async (_, steps, expected) => {
      const out: Prepared = { type: 'ended', reason: 'enough' };
      const { activities } = fakeActivities({ prepared: { rest: soon, tell, out } });
      const start = { memo: { campaign: 'welcome', person: 'per_1' } };
      const { attributes, states } = await runJourney(
        { client, connection, activities, input: { plan: { steps } }, start },
        followed,
      );
      expect(states).toEqual(expected);
      expect(attributes.get(searchAttributes.campaign)).toBe('welcome');
      expect(attributes.get(searchAttributes.person)).toBe('per_1');
      expect(attributes.get(searchAttributes.state)).toBe('running');
    },
  );

  it('are shown by such a journey with its draft, where that comes first', async () => {
    const { activities } = fakeActivities({ prepared: { tell: { ...tell, held: true } } });
    const plan: Plan = { steps: [{ type: 'webhook', id: 'tell', timeoutMs: 4_000 }] };
    const start = { memo: { campaign: 'welcome', person: 'per_1' } };
    const { attributes, states } = await runJourney(
      { client, connection, activities, input: { plan }, start },
      async (handle) => {
        await handle.signal(WAKE_SIGNAL, 'dlv_1');
        return followed(handle);
      },
    );
    expect(states).toEqual(['"awaitingApproval"', '"running"']);
    expect(attributes.get(searchAttributes.campaign)).toBe('welcome');
  });

  it('cost nothing where the server has none', async () => {
    const { activities } = fakeActivities({ prepared: { rest: soon } });
    const { attributes, states } = await runJourney({ client, connection, activities, input: { plan } }, followed);
    expect(states).toEqual([]);
    expect(attributes.get(searchAttributes.state)).toBeUndefined();
  });
});

describe('the history of a journey', () => {
  it('of one webhook has 13 events: one activity, two markers, two workflow tasks', async () => {
    const { activities } = fakeActivities({ prepared: { tell } });
    const plan = { steps: [{ type: 'webhook', id: 'tell', timeoutMs: 4_000 } as const] };
    await runJourney({ client, connection, activities, input: { plan } }, async (handle) => {
      await handle.result();
      expect(await eventTypes(handle)).toEqual([
        'workflowExecutionStartedEventAttributes',
        'workflowTaskScheduledEventAttributes',
        'workflowTaskStartedEventAttributes',
        'workflowTaskCompletedEventAttributes',
        'markerRecordedEventAttributes',
        'activityTaskScheduledEventAttributes',
        'activityTaskStartedEventAttributes',
        'activityTaskCompletedEventAttributes',
        'workflowTaskScheduledEventAttributes',
        'workflowTaskStartedEventAttributes',
        'workflowTaskCompletedEventAttributes',
        'markerRecordedEventAttributes',
        'workflowExecutionCompletedEventAttributes',
      ]);
      const { historyLength, historySize } = await handle.describe();
      expect(historyLength).toBe(13);
      expect(historySize).toBeLessThan(4_000);
    });
  });
});

it('a journey of a plan that this worker does not know waits for one that does, and says so', async () => {
  const { activities, calls } = fakeActivities({ prepared: {} });
  const plan = { steps: [{ type: 'delay', id: 'rest' } as const] };
  const follow = async (handle: JourneyHandle) => {
    const refusal = await eventually(async () => {
      const { events } = await handle.fetchHistory();
      return events?.find((event) => event.workflowTaskFailedEventAttributes)?.workflowTaskFailedEventAttributes;
    });
    expect(refusal.failure?.message).toBe('this worker walks plans up to version 3, not 4');
    expect((await handle.describe()).status.name).toBe('RUNNING');
    await handle.terminate();
  };
  await runJourney({ client, connection, activities, input: { plan, planVersion: 4 } }, follow);
  expect(calls).toEqual([]);
});
