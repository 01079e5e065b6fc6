import { randomUUID } from 'node:crypto';
import { Client } from '@temporalio/client';
import { msToTs } from '@temporalio/common/lib/time.js';
import pino from 'pino';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { createCompiledVersions } from '../../compiled-versions.ts';
import { noteNamespace } from '../../db/namespaces.ts';
import { startRelay } from '../../relay/relay.ts';
import { createWatch } from '../../relay/watch.ts';
import { searchAttributes } from '../../workflows/messages.ts';
import { eventually } from '../support/eventually.ts';
import { startHookline, type Hookline } from '../support/hookline.ts';

const log = pino({ level: 'silent' });
const now = () => new Date();

let hookline: Hookline;

beforeAll(async () => {
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
