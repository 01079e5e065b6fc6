import { randomBytes, randomUUID } from 'node:crypto';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { Client, Connection } from '@temporalio/client';
import { NativeConnection, Worker, type WorkflowBundleOption } from '@temporalio/worker';
import pino, { type Logger } from 'pino';
import { inject } from 'vitest';
import type { Lookup } from '../../activities/guard.ts';
import { createHttp } from '../../activities/http.ts';
import { createActivities } from '../../activities/index.ts';
import { createSendTest } from '../../activities/send-test.ts';
import { createApp } from '../../api/app.ts';
import { createMetrics } from '../../api/metrics.ts';
import { createKeyRing } from '../../api/key-ring.ts';
import { allRoutes } from '../../api/routes.ts';
import { createCompiledVersions } from '../../compiled-versions.ts';
import { createCipher } from '../../db/cipher.ts';
import { createWaker } from '../../db/wake.ts';
import { startRelay } from '../../relay/relay.ts';
import { startTestSends } from '../../relay/test-sends.ts';
import { NO_LOOP_LIMIT } from '../../workflow-limits.ts';
import { assertAnswer } from './answer.ts';
import { ADMIN_KEY, createApiClient } from './client.ts';
import { createTestDatabase } from './database.ts';

export { ADMIN_KEY, type Answer } from './client.ts';

type Options = {
  temporalAddress?: string;
  retryFirstDelayMs?: number;
  relays?: number;
  worker?: boolean;
  breaker?: boolean;
  startsPerSecond?: number;
  log?: Logger;
  lookup?: Lookup;
};

/** The whole of Hookline on a database and a task queue of its own, in this process: API, relay and worker, on real servers. */
export async function startHookline(options: Options = {}) {
  const database = await createTestDatabase();
  const cipher = createCipher(randomBytes(32));
  const log = options.log ?? pino({ level: 'silent' });
  const now = () => new Date();
  const address = options.temporalAddress ?? inject('temporalAddress');
  const breaker = options.breaker ?? false;
  const taskQueue = `test-${randomUUID()}`;
  const destinations = { allowHttp: true, allowNetworks: ['127.0.0.0/8'] };
  const http = createHttp({ ...destinations, ...(options.lookup && { lookup: options.lookup }) });

  const keys = createKeyRing({
    database,
    adminKey: ADMIN_KEY,
    now,
    onError: (error) => log.error({ err: error }, 'the keys'),
  });
  await keys.start();
  const metrics = createMetrics({ db: database.db, now, onError: () => {} });
  const routes = allRoutes({
    metrics,
    db: database.db,
    now,
    keys,
    cipher,
    versions: createCompiledVersions(),
    wake: createWaker(database.db, 'inbox', () => {}),
    wakeCarrier: createWaker(database.db, 'commands', () => {}),
    wakeTests: createWaker(database.db, 'tests', () => {}),
    ready: async () => null,
    destinations,
    egressAddresses: ['203.0.113.7/32'],
    log,
    temporalUi: { url: undefined, namespace: 'default' },
  });
  const server = await listen(
    createServer(createApp({ routes, keys, metrics, db: database.db, cipher, now, log, inspect: assertAnswer })),
  );
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;

  const client = new Client({ connection: Connection.lazy({ address }) });
  const relays = await Promise.all(
    Array.from({ length: options.relays ?? 1 }, () =>
      startRelay({
        database,
        cipher,
        versions: createCompiledVersions(),
        destinations,
        client,
        taskQueue,
        withSearchAttributes: true,
        breaker,
        retention: { retentionMs: null, eventRetentionMs: null },
        startsPerSecond: options.startsPerSecond ?? 10_000,
        now,
        log,
      }),
    ),
  );
  const connection = await NativeConnection.connect({ address });
  const stopping = new AbortController();
  const startWorker = async (workflowBundle: WorkflowBundleOption = { codePath: inject('bundlePath') }) => {
    const worker = await Worker.create({
      connection,
      taskQueue,
      workflowBundle,
      activities: createActivities({
        db: database.db,
        cipher,
        versions: createCompiledVersions(),
        now,
        send: {
          http,
          random: () => 0.5,
          firstDelayMs: options.retryFirstDelayMs ?? 10_000,
          userAgent: 'Hookline/test',
          breaker,
        },
        stopping: stopping.signal,
        wakeLine: createWaker(database.db, 'line', () => {}),
        wakeInbox: createWaker(database.db, 'inbox', () => {}),
        wakeCommands: createWaker(database.db, 'commands', () => {}),
      }),
      maxCachedWorkflows: 100,
      ...NO_LOOP_LIMIT,
    });
    const working = worker.run();
    return async () => {
      worker.shutdown();
      await working;
    };
  };
  const stopWorker = options.worker === false ? undefined : await startWorker();
  const send = createSendTest({ db: database.db, cipher, http, userAgent: 'Hookline/test', now });
  const tests = options.worker === false ? undefined : await startTestSends({ database, send, log });

  return {
    ...createApiClient(url),
    database,
    cipher,
    now,
    keys,
    metrics,
    destinations,
    client,
    taskQueue,
    /** Another worker, with the workflows of today or others; answers how to stop it. */
    startWorker,
    /** What the API answers on. */
    routes,
    async stop() {
      await Promise.all([...relays.map((relay) => relay.stop()), tests?.stop()]);
      stopping.abort();
      await stopWorker?.();
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
      await client.connection.close();
      await connection.close();
      await http.close();
      await keys.stop();
      await database.close();
    },
  };
}

export type Hookline = Awaited<ReturnType<typeof startHookline>>;

const listen = (server: Server) =>
  new Promise<Server>((resolve) => {
    server.listen(0, '127.0.0.1', () => resolve(server));
  });
