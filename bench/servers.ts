import { randomBytes } from 'node:crypto';
import { mkdtemp, readdir, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import postgres from 'postgres';
import { z } from 'zod';
import { environment, loadToolPlaces } from '../config.ts';
import { startChild, type Child } from '../embedded/child.ts';
import { freePorts } from '../embedded/free-port.ts';
import { startPostgres } from '../embedded/postgres.ts';
import { findTemporal } from '../embedded/temporal-binary.ts';
import { startTemporal } from '../embedded/temporal.ts';

/** With 20 requests in flight for each, enough for all 200 of a worker. */
const DESTINATIONS = 10;

const root = fileURLToPath(new URL('..', import.meta.url));

/** Everything that a measurement runs on, as `npm start` runs it: servers on disk, API and worker as processes of their own. */
export async function startServers() {
  const folder = await mkdtemp(join(tmpdir(), 'hookline-bench-'));
  const children: Child[] = [];
  const onSpawn = (child: Child) => void children.push(child);
  const binary = await findTemporal(loadToolPlaces(environment));
  const temporalOptions = { binary, dataDir: folder, uiPort: false, onSpawn } as const;
  const [{ url: databaseUrl }, firstTemporal] = await Promise.all([
    startPostgres({ dataDir: folder, onSpawn }),
    startTemporal(temporalOptions),
  ]);
  const [apiPort = 0, ...receiverPorts] = await freePorts(1 + DESTINATIONS);
  let temporal = firstTemporal;
  const adminKey = randomBytes(24).toString('base64url');
  const masterKey = randomBytes(32);
  const env = {
    ...environment,
    PORT: String(apiPort),
    DATABASE_URL: databaseUrl,
    TEMPORAL_ADDRESS: temporal.address,
    HOOKLINE_ADMIN_KEY: adminKey,
    HOOKLINE_MASTER_KEY: masterKey.toString('base64'),
    HOOKLINE_ALLOW_HTTP: 'on',
    HOOKLINE_ALLOW_NETWORKS: '127.0.0.0/8',
    HOOKLINE_RETRY_FIRST_DELAY: '1s',
    HOOKLINE_STARTS_PER_SECOND: '100000',
    HOOKLINE_LOG_LEVEL: 'warn',
  };
  let heapMb = 0;
  const start = (name: string, words: string[], overrides: Record<string, string> = {}) =>
    new Promise<Child>((resolve, reject) => {
      const child = startChild({
        name,
        command: [process.execPath, '--import', 'tsx', ...words],
        cwd: root,
        env: { ...env, ...overrides },
        logFile: join(folder, `${name}.log`),
        onMessage: (message) => {
          const heap = heapMessage.safeParse(message);
          if (heap.success) heapMb = heap.data.mb;
          else resolve(child);
        },
      });
      children.push(child);
      void child.exited.then(() => reject(new Error(`${name} ended; see ${folder}/${name}.log`)));
    });
  const bareQueue = 'bare';
  const startWorker = () => start('worker', ['--expose-gc', 'bench/worker.ts']);
  await start('server', ['server.ts']);
  let [worker] = await Promise.all([
    startWorker(),
    start('bare', ['bench/bare-worker.ts', temporal.address, bareQueue]),
    start('receiver', ['bench/receiver.ts', ...receiverPorts.map(String)]),
  ]);
  const database = postgres(databaseUrl, { max: 1 });
  const call = async (method: string, path: string, body?: unknown) => {
    const response = await fetch(`http://127.0.0.1:${apiPort}${path}`, {
      method,
      headers: { authorization: `Bearer ${adminKey}`, 'content-type': 'application/json' },
      ...(body !== undefined && { body: JSON.stringify(body) }),
    });
    const text = await response.text();
    if (!response.ok) throw new Error(`${method} ${path}: ${text}`);
  };
  const origins = receiverPorts.map((port) => `http://127.0.0.1:${port}`);
  const receiver = async (path: string) => (await fetch(`${origins[0]}/${path}`)).text();
  return {
    databaseUrl,
    database,
    adminKey,
    masterKey,
    /** Another process, which ends with the others. */
    start,
    temporalAddress: temporal.address,
    bareQueue,
    get worker() {
      return worker;
    },
    /** Of the worker, when it was last told to collect its garbage. */
    heapMb: () => heapMb,
    /** Ends the worker, and starts another; answers the seconds until that one is ready. */
    async restartWorker() {
      await worker.stop();
      const startedAt = performance.now();
      worker = await startWorker();
      return (performance.now() - startedAt) / 1_000;
    },
    /** Megabytes of Temporal's file, with what has still to be written into it. */
    async temporalMb() {
      const sizes = await temporalFiles(folder).then((files) =>
        Promise.all(files.map(async (file) => (await stat(file)).size)),
      );
      return sizes.reduce((sum, size) => sum + size, 0) / 2 ** 20;
    },
    /** Temporal forgets everything. */
    async wipeTemporal() {
      await temporal.child.stop();
      for (const file of await temporalFiles(folder)) await rm(file);
      temporal = await startTemporal({ ...temporalOptions, port: temporal.port });
    },
    /** Of the receiver: each is a destination. */
    origins,
    /** How many requests the receiver holds back. */
    holding: async () => Number(await receiver('holding')),
    /** Has it answer them. */
    release: () => receiver('release'),
    /** Publishes a campaign that begins with the event of its name, and starts it. */
    async publish(name: string, campaign: Record<string, unknown>) {
      await call('PUT', `/v1/campaigns/${name}`, { trigger: { type: 'event', event: name }, ...campaign });
      await call('POST', `/v1/campaigns/${name}/start`);
    },
    /** Triggers a manual campaign. */
    async trigger(name: string, body: Record<string, unknown>) {
      await call('POST', `/v1/campaigns/${name}/trigger`, body);
    },
    async post(events: { person: string; name: string; data?: Record<string, unknown> }[]) {
      for (let at = 0; at < events.length; at += 50) await call('POST', '/v1/events', events.slice(at, at + 50));
    },
    /** How many deliveries of a campaign there are, in any state. */
    async countDeliveries(campaign: string, state: string | null = null) {
      const [row] = await database<{ count: number }[]>`
        select count(*)::int from deliveries where campaign_id = ${campaign} and state = coalesce(${state}, state)`;
      return row?.count ?? 0;
    },
    /** Those that are in flight, or in line for it. */
    async countWaiting(campaign: string) {
      const [row] = await database<{ count: number }[]>`
        select count(*)::int from deliveries as d
        where campaign_id = ${campaign} and (
          exists (select 1 from parked where delivery_id = d.id) or exists (select 1 from attempts where delivery_id = d.id))`;
      return row?.count ?? 0;
    },
    async stop() {
      await database.end();
      for (const child of children.reverse()) await child.stop();
      await rm(folder, { recursive: true, force: true });
    },
  };
}

const heapMessage = z.object({ type: z.literal('heap'), mb: z.number() });

const temporalFiles = async (folder: string) =>
  (await readdir(folder)).filter((name) => name.startsWith('temporal.db')).map((name) => join(folder, name));

export type Servers = Awaited<ReturnType<typeof startServers>>;
