import { Client, Connection } from '@temporalio/client';
import { NativeConnection } from '@temporalio/worker';
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import type { Prepared } from '../../domain/walk.ts';
import { searchAttributes } from '../../workflows/messages.ts';
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
    return { types: await eventTypes(handle), attributes: (await handle.describe()).typedSearchAttributes };
  };

  it('say where a journey waits that was started with them', async () => {
    const { activities } = fakeActivities({ prepared: { rest: soon } });
    const start = {
      typedSearchAttributes: [
        { key: searchAttributes.campaign, value: 'welcome' },
        { key: searchAttributes.state, value: 'running' },
      ],
    };
    const { attributes, types } = await runJourney(
      { client, connection, activities, input: { plan }, start },
      followed,
    );
    expect(types.filter((type) => type.startsWith('upsert'))).toHaveLength(1);
    expect(attributes.get(searchAttributes.campaign)).toBe('welcome');
    expect(attributes.get(searchAttributes.state)).toBe('delayed');
    expect(attributes.get(searchAttributes.step)).toBe('rest');
  });

  it('cost nothing where the server has none', async () => {
    const { activities } = fakeActivities({ prepared: { rest: soon } });
    const { attributes, types } = await runJourney({ client, connection, activities, input: { plan } }, followed);
    expect(types.filter((type) => type.startsWith('upsert'))).toEqual([]);
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
