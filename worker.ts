import { fileURLToPath } from 'node:url';
import { Client, Connection } from '@temporalio/client';
import { bundleWorkflowCode, NativeConnection, Runtime, Worker, type WorkflowBundleOption } from '@temporalio/worker';
import { createHttp } from './activities/http.ts';
import { createActivities } from './activities/index.ts';
import { createSendTest } from './activities/send-test.ts';
import { HEARTBEAT_EVERY_MS } from './activities/send-webhook.ts';
import { createCompiledVersions } from './compiled-versions.ts';
import { environment, loadTemporalConfig } from './config.ts';
import { createCipher } from './db/cipher.ts';
import { createClock } from './db/clock.ts';
import { migrate } from './db/migrate.ts';
import { openDatabase } from './db/open.ts';
import { checkMasterKey } from './db/secrets.ts';
import { createWaker } from './db/wake.ts';
import { runProcess } from './lifecycle.ts';
import { startRelay } from './relay/relay.ts';
import { startResealing } from './relay/resealing.ts';
import { registerSearchAttributes } from './relay/search-attributes.ts';
import { startTestSends } from './relay/test-sends.ts';
import { temporalLogger } from './temporal-logger.ts';
import { VERSION } from './version.ts';
import { startWorkerHealth } from './worker-health.ts';
import { NO_LOOP_LIMIT } from './workflow-limits.ts';

/** The relay repeats its calls itself; left alone, gRPC looks for a server that was away only every two minutes. */
const RELAY_CONNECTION = { interceptors: [], channelArgs: { 'grpc.max_reconnect_backoff_ms': 2_000 } };

/** What is under way may end within this time when the worker stops. */
const GRACE_MS = 4_000;

/** Process 2: the Temporal worker, with the relay and the tests of webhooks beside it. */
await runProcess('worker', async (config, log) => {
  Runtime.install({ logger: temporalLogger(log), shutdownSignals: [] });
  const { connectionOptions, namespace } = loadTemporalConfig(environment);
  const bundling: Promise<WorkflowBundleOption> = config.workflowBundle
    ? Promise.resolve({ codePath: config.workflowBundle })
    : bundleWorkflowCode({
        workflowsPath: fileURLToPath(new URL('./workflows/index.ts', import.meta.url)),
        logger: temporalLogger(log.child({}, { level: 'warn' })),
      });
  const database = openDatabase(config.databaseUrl, { max: 20, application: 'hookline worker' });
  let hasStarted = false;
  const temporal: { reach?: () => Promise<unknown> } = {};
  const health =
    config.workerPort === undefined
      ? undefined
      : await startWorkerHealth(
          config.workerPort,
          {
            Postgres: () => database.db.execute('select 1'),
            Temporal: async () => {
              if (!temporal.reach) throw new Error('not connected yet');
              return temporal.reach();
            },
          },
          () => hasStarted,
        );
  await migrate(config.databaseUrl);
  const cipher = createCipher(config.masterKey, config.previousMasterKeys);
  await checkMasterKey(database.db, cipher);
  const connection = await whenReachable(() => NativeConnection.connect(connectionOptions), log);
  const client = new Client({ connection: Connection.lazy({ ...connectionOptions, ...RELAY_CONNECTION }), namespace });
  temporal.reach = () => client.connection.workflowService.getSystemInfo({});
  const withSearchAttributes = await registerSearchAttributes(client, namespace, log);
  const http = createHttp({
    allowHttp: config.allowHttp,
    allowNetworks: config.allowNetworks,
    allowOrigin: config.allowOrigin,
  });
  const userAgent = `Hookline/${VERSION}`;
  const versions = createCompiledVersions();
  const clock = createClock(database.db, (error) => log.warn({ err: error }, 'Postgres could not say the time'));
  await clock.start();
  const { now } = clock;
  const stopping = new AbortController();
  const onUnwoken = (error: unknown) => log.warn({ err: error }, 'the relay could not be woken');
  const worker = await Worker.create({
    connection,
    namespace,
    taskQueue: config.taskQueue,
    workflowBundle: await bundling,
    activities: createActivities({
      db: database.db,
      cipher,
      versions,
      now,
      send: {
        http,
        random: Math.random,
        firstDelayMs: config.retryFirstDelayMs,
        userAgent,
        breaker: config.breaker,
      },
      stopping: stopping.signal,
      wakeLine: createWaker(database.db, 'line', onUnwoken),
      wakeInbox: createWaker(database.db, 'inbox', onUnwoken),
      wakeCommands: createWaker(database.db, 'commands', onUnwoken),
    }),
    maxCachedWorkflows: 1_000,
    ...NO_LOOP_LIMIT,
    // What waits for a worker that was killed is given to another one by then.
    stickyQueueScheduleToStartTimeout: '5s',
    maxConcurrentActivityTaskExecutions: 200,
    // Each is passed on: by default only after four fifths of the time that an activity may be silent.
    maxHeartbeatThrottleInterval: HEARTBEAT_EVERY_MS,
    shutdownGraceTime: GRACE_MS,
    shutdownForceTime: '6s',
  });
  const relay = await startRelay({
    database,
    cipher,
    versions,
    destinations: config,
    client,
    taskQueue: config.taskQueue,
    withSearchAttributes,
    breaker: config.breaker,
    retention: config,
    startsPerSecond: config.startsPerSecond,
    now,
    log,
  });
  const send = createSendTest({ db: database.db, cipher, http, userAgent, now });
  const tests = await startTestSends({ database, send, log });
  const resealing = config.previousMasterKeys.length > 0 ? startResealing({ db: database.db, cipher, log }) : undefined;
  // Last of all: until this has returned, a signal ends the process without letting anything end.
  const running = worker.run();
  hasStarted = true;
  return {
    failed: running.then(() => new Promise<never>(() => {})),
    async stop() {
      clock.stop();
      await health?.stop();
      if (worker.getState() === 'RUNNING') worker.shutdown();
      // A request whose workflow has ended hears of no second cancellation: it is told here.
      setTimeout(() => stopping.abort(new Error('the worker stops')), GRACE_MS).unref();
      // What had no time to end is done by another worker, or after the next start.
      const ended = running.catch((error: unknown) => log.warn({ err: error }, 'what was under way is cut off'));
      await Promise.all([relay.stop(), tests.stop(), resealing?.stop(), ended]);
      await Promise.all([http.close(), client.connection.close(), database.close()]);
      await connection.close();
    },
  };
});

async function whenReachable<T>(
  connect: () => Promise<T>,
  log: { warn(object: object, text: string): void },
): Promise<T> {
  for (;;) {
    try {
      return await connect();
    } catch (error) {
      log.warn({ err: error }, 'Temporal cannot be reached; trying again');
      await new Promise((resolve) => setTimeout(resolve, 1_000));
    }
  }
}
