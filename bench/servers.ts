import { randomBytes } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { createServer } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { environment, loadToolPlaces } from '../config.ts';
import { startChild, type Child } from '../embedded/child.ts';
import { freePorts } from '../embedded/free-port.ts';
import { startPostgres } from '../embedded/postgres.ts';
import { findTemporal } from '../embedded/temporal-binary.ts';
import { startTemporal } from '../embedded/temporal.ts';

const root = fileURLToPath(new URL('..', import.meta.url));

/** Everything that a measurement runs on, as `npm start` runs it: servers on disk, API and worker as processes of their own. */
export async function startServers() {
  const folder = await mkdtemp(join(tmpdir(), 'hookline-bench-'));
  const children: Child[] = [];
  const onSpawn = (child: Child) => void children.push(child);
  const [postgres, temporal, receiver, ports] = await Promise.all([
    startPostgres({ dataDir: folder, onSpawn }),
    findTemporal(loadToolPlaces(environment)).then((binary) =>
      startTemporal({ binary, dataDir: folder, uiPort: false, onSpawn }),
    ),
    startReceiver(),
    freePorts(1),
  ]);
  const apiPort = ports[0] ?? 0;
  const adminKey = randomBytes(24).toString('base64url');
  const env = {
    ...environment,
    PORT: String(apiPort),
    DATABASE_URL: postgres.url,
    TEMPORAL_ADDRESS: temporal.address,
    HOOKLINE_ADMIN_KEY: adminKey,
    HOOKLINE_MASTER_KEY: randomBytes(32).toString('base64'),
    HOOKLINE_ALLOW_ORIGIN: receiver.origin,
    HOOKLINE_LOG_LEVEL: 'warn',
  };
  const start = (name: string, words: string[]) =>
    new Promise<void>((resolve, reject) => {
      const child = startChild({
        name,
        command: [process.execPath, '--import', 'tsx', ...words],
        cwd: root,
        env,
        logFile: join(folder, `${name}.log`),
        onMessage: () => resolve(),
      });
      children.push(child);
      void child.exited.then(() => reject(new Error(`${name} ended; see ${folder}/${name}.log`)));
    });
  const bareQueue = 'bare';
  await start('server', ['server.ts']);
  await Promise.all([
    start('worker', ['worker.ts']),
    start('bare', ['bench/bare-worker.ts', temporal.address, bareQueue]),
  ]);
  return {
    api: `http://127.0.0.1:${apiPort}`,
    adminKey,
    databaseUrl: postgres.url,
    temporalAddress: temporal.address,
    receiverOrigin: receiver.origin,
    bareQueue,
    async stop() {
      for (const child of children.reverse()) await child.stop();
      receiver.close();
      await rm(folder, { recursive: true, force: true });
    },
  };
}

export type Servers = Awaited<ReturnType<typeof startServers>>;

/** Answers every request at once with a small JSON. */
async function startReceiver() {
  const server = createServer((request, response) => {
    request.resume().on('end', () => response.setHeader('content-type', 'application/json').end('{"status":"Gold"}'));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  const port = typeof address === 'object' && address ? address.port : 0;
  return { origin: `http://127.0.0.1:${port}`, close: () => server.closeAllConnections() ?? server.close() };
}
