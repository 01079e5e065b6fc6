import { fileURLToPath } from 'node:url';
import { bundleWorkflowCode, DefaultLogger } from '@temporalio/worker';
import { eq } from 'drizzle-orm';
import pino from 'pino';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { commands, journeys } from '../../db/schema/journeys.ts';
import type { Asking } from '../../relay/ask.ts';
import { readNamespaceId } from '../../relay/namespace-id.ts';
import { createWatch, type WatchDependencies } from '../../relay/watch.ts';
import { eventually } from '../support/eventually.ts';
import { startHookline, type Hookline } from '../support/hookline.ts';
import { startReceiver, type Receiver } from '../support/receiver.ts';

type Journey = { id: string; state: string; reason: string | null; step: { waitsFor: string } | null };

let hookline: Hookline;
let receiver: Receiver;

beforeAll(async () => {
  [hookline, receiver] = await Promise.all([startHookline(), startReceiver()]);
  const url = receiver.url('/hook');
  await publish('nap', [{ type: 'delay', for: '1h' }]);
  await publish('short', [
    { type: 'delay', id: 'rest', for: '5s' },
    { type: 'webhook', id: 'tell', url },
  ]);
});
afterAll(async () => {
  await hookline.stop();
  await receiver.close();
});

const publish = (id: string, steps: object[]) => hookline.publish(id, { trigger: { type: 'event', event: id }, steps });

/** A client that counts what it asks Temporal. */
function countingClient(): { calls: { lists: number; describes: number }; client: Asking } {
  const { client } = hookline;
  const calls = { lists: 0, describes: 0 };
  const workflow: Asking['workflow'] = {
    list: (options) => {
      calls.lists += 1;
      return client.workflow.list(options);
    },
    getHandle: (...args) => {
      calls.describes += 1;
      return client.workflow.getHandle(...args);
    },
  };
  return { calls, client: { withDeadline: (deadline, ask) => client.withDeadline(deadline, ask), workflow } };
}

const PACE = { overdueMs: 500, idleMs: 3_600_000, recheckMs: 0, perSecond: 100, rebuiltPerSecond: 100 };

/** A watch of our own beside that of the relay, which looks once a minute. */
const watch = (others: Partial<WatchDependencies> = {}) =>
  createWatch({
    db: hookline.database.db,
    client: hookline.client,
    taskQueue: hookline.taskQueue,
    now: () => new Date(),
    random: () => 0,
    log: pino({ level: 'silent' }),
    onRestart: () => {},
    namespaceId: () => readNamespaceId(hookline.client),
    onNewNamespace: async () => true,
    signal: new AbortController().signal,
    pace: PACE,
    ...others,
  });

/** Lets a person in, and answers their journey once it is in this state. */
async function enter(campaign: string, person: string, state = 'delayed'): Promise<Journey> {
  await hookline.api('POST', '/v1/events', { person, name: campaign });
  return eventually(async () => {
    const { body } = await hookline.api<{ data: Journey[] }>('GET', `/v1/journeys?person=${person}&state=${state}`);
    return body.data[0];
  });
}
const read = async (id: string) => (await hookline.api<Journey>('GET', `/v1/journeys/${id}`)).body;
const stuck = async () => {
  const { body } = await hookline.api<{ data: Journey[] }>('GET', '/v1/journeys?state=stuck');
  return body.data.map(({ id }) => id);
};
const workflow = (id: string, run = 1) => hookline.client.workflow.getHandle(`journey/${id}/${run}`);

describe('a look where all is well', () => {
  it('marks nothing, and asks Temporal for two lists', async () => {
    for (const person of ['well-1', 'well-2', 'well-3']) await enter('nap', person);
    const { calls, client } = countingClient();
    const look = watch({ client });
    await look();
    await look();
    expect(await stuck()).toEqual([]);
    expect(calls).toEqual({ lists: 4, describes: 0 });
  });

  it('asks about an overdue journey, and leaves one alone whose workflow runs', async () => {
    const { id } = await enter('nap', 'late');
    await hookline.database.db
      .update(journeys)
      .set({ stepUntil: new Date(0) })
      .where(eq(journeys.id, id));
    const { calls, client } = countingClient();
    const look = watch({ client, pace: { ...PACE, recheckMs: 60_000 } });
    await look();
    await look();
    expect(calls).toEqual({ lists: 4, describes: 1 });
    expect(await read(id)).toMatchObject({ state: 'delayed' });
    await hookline.api('POST', `/v1/journeys/${id}/exit`);
  });
});

describe('a journey whose workflow was terminated by hand', () => {
  it('is stuck after the next look, stays so, and can be ended', async () => {
    const { id } = await enter('nap', 'ended-by-hand');
    await workflow(id).terminate();
    const look = watch();
    await eventually(async () => {
      await look();
      return (await stuck()).includes(id);
    });
    await look();
    expect(await read(id)).toMatchObject({
      state: 'stuck',
      reason: expect.stringMatching(
        /^Its workflow was terminated in Temporal, .* POST \/v1\/journeys\/jrn_.*\/exit\.$/,
      ),
      step: { waitsFor: expect.stringMatching(/^its repair, since .*Z: see its reason$/) },
    });
    const { body } = await hookline.api<{ data: Journey[] }>('GET', '/v1/journeys?person=ended-by-hand&state=delayed');
    expect(body.data).toEqual([]);

    const exit = await hookline.api('POST', `/v1/journeys/${id}/exit`, { reason: 'cleaned up' });
    expect(exit).toMatchObject({ status: 200, body: { state: 'exited', reason: 'cleaned up' } });
    expect(await stuck()).not.toContain(id);
    await eventually(async () => (await hookline.database.db.select().from(commands)).length === 0);
  });

  it('goes on when it is reset there', async () => {
    const { id } = await enter('nap', 'reset');
    const firstTask = await eventually(async () => {
      const { events } = await workflow(id).fetchHistory();
      return events?.find((event) => event.workflowTaskCompletedEventAttributes);
    });
    await workflow(id).terminate();
    const look = watch();
    await eventually(async () => (await look()) === 0 && (await read(id)).state === 'stuck');
    await hookline.client.workflowService.resetWorkflowExecution({
      namespace: 'default',
      workflowExecution: { workflowId: `journey/${id}/1` },
      reason: 'a test',
      requestId: id,
      workflowTaskFinishEventId: firstTask.eventId ?? null,
    });
    await eventually(async () => (await look()) === 0 && (await read(id)).state === 'delayed');
    expect((await read(id)).reason).toBeNull();
    await hookline.api('POST', `/v1/journeys/${id}/exit`);
  });

  it('is not started again when Temporal has forgotten it', async () => {
    const { id } = await enter('nap', 'forgotten');
    await workflow(id).terminate();
    const look = watch();
    await eventually(async () => (await look()) === 0 && (await read(id)).state === 'stuck');
    // A run of which Temporal knows nothing, as after its retention.
    await hookline.database.db.update(journeys).set({ run: 7 }).where(eq(journeys.id, id));
    await look();
    expect(await read(id)).toMatchObject({ state: 'stuck' });
    expect(await hookline.database.db.select().from(commands)).toEqual([]);
  });
});

/** Deletes a workflow from Temporal, as if its namespace had been wiped. */
async function forget(id: string): Promise<void> {
  const execution = { workflowId: `journey/${id}/1` };
  await hookline.client.workflowService.deleteWorkflowExecution({
    namespace: 'default',
    workflowExecution: execution,
  });
  await eventually(() =>
    workflow(id)
      .describe()
      .then(
        () => false,
        () => true,
      ),
  );
}

describe('a journey whose workflow is gone', () => {
  it('is started again at its step under the next run, once by many relays, and sends once', async () => {
    const { id } = await enter('short', 'wiped');
    await forget(id);
    const looks = Array.from({ length: 4 }, () => watch());
    await eventually(async () => {
      await Promise.all(looks.map((look) => look()));
      return (await read(id)).state === 'completed';
    });
    const { body } = await hookline.api('GET', `/v1/journeys/${id}`);
    expect(body).toMatchObject({
      log: [
        { what: 'delayed' },
        { what: 'restarted', run: 2 },
        { what: 'rendered' },
        { what: 'sent' },
        { what: 'completed' },
      ],
    });
    expect(receiver.requests).toHaveLength(1);
    await workflow(id, 2).result();
    await expect(workflow(id, 3).describe()).rejects.toThrow();
  });

  it('is found when it cannot be woken, and its held draft is sent once it is started again', async () => {
    const url = receiver.url('/draft');
    await publish('draft', [
      { type: 'webhook', id: 'ask', url, send: 'draft', response: { attributes: { seen: 'yes' } } },
    ]);
    const { id } = await enter('draft', 'drafter', 'awaitingApproval');
    await forget(id);
    const { body } = await hookline.api<{ deliveries: string[] }>('GET', `/v1/journeys/${id}`);
    await hookline.api('POST', `/v1/deliveries/${body.deliveries[0]}/approve`);
    await eventually(async () => (await hookline.database.db.select().from(commands))[0]?.error);
    await watch()();
    expect(await hookline.ended('drafter')).toMatchObject({ state: 'completed' });
    expect(receiver.requests.filter(({ url: sentTo }) => sentTo === '/draft')).toHaveLength(1);
    expect(await hookline.database.db.select().from(commands)).toEqual([]);
  });
});

describe('a journey that waits in line, whose workflow is gone', () => {
  it('is told to come, is found then, and sends once', async () => {
    const url = receiver.url('/paced');
    await publish('paced', [{ type: 'webhook', id: 'tell', url, rateLimit: '10/m' }]);
    await enter('paced', 'first', 'completed');
    const { id } = await enter('paced', 'second', 'sending');
    await forget(id);
    const look = watch();
    await eventually(async () => (await look()) === 0 && (await read(id)).state === 'completed', 30_000);
    expect(receiver.requests.filter(({ url: sentTo }) => sentTo === '/paced')).toHaveLength(2);
    await workflow(id, 2).result();
  }, 40_000);
});

describe('a journey that Temporal refuses to start', () => {
  it('is stuck and says why, and goes on when it is taken', async () => {
    const { id } = await enter('nap', 'refused');
    const { db } = hookline.database;
    // A relay that runs tries this one only when the lease is over.
    const leasedUntil = new Date(Date.now() + 3_600_000);
    await db.insert(commands).values({
      workflowId: `journey/${id}/1`,
      command: { type: 'startJourney', journey: id },
      error: 'INVALID_ARGUMENT: too long',
      leasedUntil,
    });
    const look = watch();
    await look();
    expect(await read(id)).toMatchObject({
      state: 'stuck',
      reason: expect.stringMatching(/^Temporal refuses to start its workflow \(INVALID_ARGUMENT: too long\)\. /),
    });
    await db.update(commands).set({ leasedUntil: null });
    await eventually(async () => (await look()) === 0 && (await read(id)).state === 'delayed');
  });
});

describe('a journey that no worker can walk', () => {
  it('is stuck until a worker comes that can', async () => {
    const broken = await startHookline({ worker: false });
    const workflowsPath = fileURLToPath(new URL('../support/broken-workflows.ts', import.meta.url));
    const bundle = await bundleWorkflowCode({ workflowsPath, logger: new DefaultLogger('ERROR') });
    const stopBroken = await broken.startWorker(bundle);
    await broken.publish('walk', { trigger: { type: 'event', event: 'walk' }, steps: [{ type: 'exit' }] });
    await broken.api('POST', '/v1/events', { person: 'ada', name: 'walk' });
    const look = watch({ db: broken.database.db, taskQueue: broken.taskQueue });
    const found = await eventually(async () => {
      await look();
      return (await broken.api<{ data: Journey[] }>('GET', '/v1/journeys?state=stuck')).body.data[0];
    });
    expect(found.reason).toMatch(/^The tasks of its workflow fail in the worker \(WorkflowWorkerUnhandledFailure\)\. /);
    await stopBroken();
    const stopMended = await broken.startWorker();
    expect(await broken.ended('ada', 40_000)).toMatchObject({ state: 'exited', reason: 'exit step' });
    await stopMended();
    await broken.stop();
  }, 60_000);
});
