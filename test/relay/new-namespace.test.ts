import { randomUUID } from 'node:crypto';
import { Client } from '@temporalio/client';
import { NativeConnection, Worker } from '@temporalio/worker';
import { msToTs } from '@temporalio/common/lib/time.js';
import pino from 'pino';
import { afterAll, beforeAll, expect, inject, it } from 'vitest';
import { createCompiledVersions } from '../../compiled-versions.ts';
import { noteNamespace } from '../../db/namespaces.ts';
import { readNamespaceId } from '../../relay/namespace-id.ts';
import { registerSearchAttributes } from '../../relay/search-attributes.ts';
import { startRelay } from '../../relay/relay.ts';
import { createWatch } from '../../relay/watch.ts';
import { searchAttributes } from '../../workflows/messages.ts';
import { NO_LOOP_LIMIT } from '../../workflow-limits.ts';
import { enterPageOf } from '../support/enter-page.ts';
import { eventually } from '../support/eventually.ts';
import { startHookline, type Hookline } from '../support/hookline.ts';
import { fakeActivities, quietRuntime } from '../support/workflows.ts';

const log = pino({ level: 'silent' });
const now = () => new Date();

let hookline: Hookline;

beforeAll(async () => {
  quietRuntime();
  hookline = await startHookline({ worker: false, relays: 0 });
});
afterAll(() => hookline.stop());

it('a new namespace is made ready by each relay, again until that works', async () => {
  let namespace = 'before';
  const relays = [1, 2].map(() => {
    const tries: string[] = [];
    const look = createWatch({
      ...{ db: hookline.database.db, client: hookline.client, taskQueue: hookline.taskQueue, log, now },
      random: () => 0,
      onRestart: () => {},
      namespaceId: async () => namespace,
      onNewNamespace: async () => tries.push(namespace) > 1,
      signal: new AbortController().signal,
    });
    return { tries, look };
  });
  for (namespace of ['before', 'after', 'after', 'after']) for (const { look } of relays) await look();
  expect(relays.map(({ tries }) => tries)).toEqual([
    ['after', 'after'],
    ['after', 'after'],
  ]);
});

/** A namespace that has no room for our search attributes. */
async function makeFullNamespace(): Promise<Client> {
  const namespace = randomUUID();
  const client = new Client({ connection: hookline.client.connection, namespace });
  await client.workflowService.registerNamespace({ namespace, workflowExecutionRetentionPeriod: msToTs('1d') });
  const others = Array.from({ length: 8 }, (_, n) => [`Other${n}`, 2]);
  const fill = { namespace, searchAttributes: Object.fromEntries(others) };
  await eventually(() =>
    client.connection.operatorService.addSearchAttributes(fill).then(
      () => true,
      () => false,
    ),
  );
  return client;
}

it('journeys begin without search attributes in a new namespace that does not take these', async () => {
  const { database, cipher, destinations, taskQueue } = hookline;
  const steps = [{ type: 'delay', for: '1h' }];
  await hookline.publish('tour', { trigger: { type: 'event', event: 'began' }, steps });
  const client = await makeFullNamespace();
  await noteNamespace(database.db, 'another');
  const relay = await startRelay({
    ...{ database, cipher, versions: createCompiledVersions(), destinations, client, taskQueue, now, log },
    ...{ withSearchAttributes: true, breaker: false, startsPerSecond: 100 },
    retention: { retentionMs: null, eventRetentionMs: null },
  });
  await hookline.api('POST', '/v1/events', { person: 'ada', name: 'began' });
  const begun = await eventually(async () => {
    const { body } = await hookline.api<{ data: { id: string }[] }>('GET', '/v1/journeys?person=ada');
    const [journey] = body.data;
    if (!journey) return undefined;
    const workflow = client.workflow.getHandle(`journey/${journey.id}/1`);
    return workflow.describe().catch(() => undefined);
  });
  expect(begun.typedSearchAttributes.get(searchAttributes.campaign)).toBeUndefined();
  await relay.stop();
});

it(
  'a journey of a broadcast that began there is stuck until they are registered, and says so',
  { timeout: 90_000 },
  async () => {
    const { database, cipher, destinations, taskQueue } = hookline;
    const { db } = database;
    await hookline.publish('many', { trigger: { type: 'manual' }, steps: [{ type: 'delay', id: 'rest', for: '1h' }] });
    await hookline.api('PUT', '/v1/people/mary', { attributes: { isMany: true } });
    const audience = { 'customer.isMany': true };
    const { body } = await hookline.api<{ broadcast: { id: string } }>('POST', '/v1/campaigns/many/trigger', {
      audience,
    });
    await enterPageOf(db)({ broadcast: body.broadcast.id });
    const client = await makeFullNamespace();
    // Nobody has seen yet that it is another one.
    await noteNamespace(db, await readNamespaceId(client));
    const relay = await startRelay({
      ...{ database, cipher, versions: createCompiledVersions(), destinations, client, taskQueue, now, log },
      ...{ withSearchAttributes: true, breaker: false, startsPerSecond: 100 },
      retention: { retentionMs: null, eventRetentionMs: null },
    });
    const connection = await NativeConnection.connect({ address: inject('temporalAddress') });
    const until = new Date(Date.now() + 3_600_000).toISOString();
    const worker = await Worker.create({
      ...{ connection, namespace: client.options.namespace, taskQueue, ...NO_LOOP_LIMIT },
      workflowBundle: { codePath: inject('bundlePath') },
      activities: fakeActivities({ prepared: { rest: { type: 'delay', until } } }).activities,
    });
    const look = createWatch({
      ...{ db, client, taskQueue, log, now, random: () => 0, onRestart: () => {} },
      ...{ namespaceId: () => readNamespaceId(client), onNewNamespace: async () => true },
      signal: new AbortController().signal,
    });
    await worker.runUntil(async () => {
      type Listed = { data: { id: string; reason: string }[] };
      const stuck = async () => {
        await look();
        return (await hookline.api<Listed>('GET', '/v1/journeys?person=mary&state=stuck')).body.data[0];
      };
      const { id, reason } = await eventually(stuck, 40_000);
      expect(reason).toMatch(/\(BadSearchAttributes\)\. .* register the search attributes, /);
      const names = ['Other0', 'Other1', 'Other2', 'Other3'];
      const { namespace } = client.options;
      await client.connection.operatorService.removeSearchAttributes({ namespace, searchAttributes: names });
      await eventually(() => registerSearchAttributes(client, namespace, log));
      await eventually(async () => {
        const found = await client.workflow.getHandle(`journey/${id}/1`).describe();
        return found.typedSearchAttributes.get(searchAttributes.campaign) === 'many';
      }, 40_000);
      await eventually(async () => (await stuck()) === undefined);
    });
    await relay.stop();
    await connection.close();
  },
);
