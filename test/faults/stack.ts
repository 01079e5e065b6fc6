import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { inject } from 'vitest';
import { openDatabase } from '../../db/open.ts';
import { startPostgres, type Postgres } from '../../embedded/postgres.ts';
import { startTemporal, type Temporal } from '../../embedded/temporal.ts';
import { createTestDatabase } from '../support/database.ts';
import { lastingPort } from '../support/lasting-port.ts';
import { prepareProcesses, type TestProcess } from '../support/processes.ts';
import { startReceiver } from '../support/receiver.ts';
import { campaignsTo } from './campaigns.ts';
import { startNetwork } from '../support/network.ts';
import { mountSmallDisk } from './small-disk.ts';
import { unreliable } from './unreliable.ts';

type Options = {
  seed: number;
  /** Servers of its own, which a fault may stop; otherwise those of the run. */
  own?: { postgres?: boolean; temporal?: boolean };
  /** Its own Postgres is on a disk that is soon full, where one can be mounted. */
  smallDisk?: boolean;
  breaker?: 'on' | 'off';
  /** Files that server and worker load before their program. */
  preload?: string[];
};

/** One server and one worker as processes of their own, on real servers, with the campaigns published and a receiver that fails at random. */
export async function startStack({ seed, own = {}, smallDisk = false, breaker = 'off', preload = [] }: Options) {
  const folder = await mkdtemp(join(tmpdir(), 'hookline-faults-'));
  const disk = smallDisk ? await mountSmallDisk(folder, DISK_MB) : undefined;
  const receiver = await startReceiver();
  const { behaviour, received } = unreliable(seed);
  receiver.on('/hook', behaviour);
  const network = await startNetwork(Number(new URL(receiver.origin).port));

  const postgres = own.postgres ? await ownPostgres(folder) : undefined;
  const temporal = own.temporal ? await ownTemporal(folder) : undefined;
  const cloned = postgres ? undefined : await createTestDatabase();
  const databaseUrl = postgres?.url ?? cloned?.url ?? '';
  const database = cloned ?? openDatabase(databaseUrl, { max: 2, application: 'hookline test' });
  const hookline = await prepareProcesses({
    databaseUrl,
    ...(temporal && { temporalAddress: temporal.address }),
    env: {
      HOOKLINE_BREAKER: breaker,
      HOOKLINE_LOG_LEVEL: 'warn',
    },
  });

  /** The last words of processes that ended by themselves. */
  const died: string[] = [];
  const watch = (child: TestProcess) =>
    void child.exited.then(({ code }) => code === null || code === 0 || died.push(child.lines.slice(-30).join('\n')));

  let server: TestProcess;
  const workers: TestProcess[] = [];
  const startServer = async (...how: Parameters<typeof hookline.startServer>) => {
    server = hookline.startServer(...how);
    watch(server);
    await server.ready;
  };
  const addWorker = async (...how: Parameters<typeof hookline.startWorker>) => {
    const worker = hookline.startWorker(...how);
    workers.push(worker);
    watch(worker);
    await worker.ready;
    return worker;
  };
  await Promise.all([startServer({}, preload), addWorker({}, preload)]);
  for (const [id, definition] of Object.entries(campaignsTo(network.origin))) await hookline.publish(id, definition);

  return {
    ...{ hookline, api: hookline.api, db: database.db, received, network, died, disk, postgres, temporal },
    server: () => server,
    startServer,
    addWorker,
    /** Those that run, oldest first. */
    workers,
    /** Takes the oldest worker out of the list, to be ended. */
    takeWorker() {
      const worker = workers.shift();
      if (!worker) throw new Error('there is no worker left');
      return worker;
    },
    async stop() {
      await hookline.stop();
      await database.close();
      await Promise.all([network.close(), receiver.close(), postgres?.stop(), temporal?.stop()]);
      await disk?.unmount();
      await rm(folder, { recursive: true, force: true });
    },
  };
}

export type Stack = Awaited<ReturnType<typeof startStack>>;

const DISK_MB = 160;

/** Little of the disk is kept for logs of writes, so that a small disk holds it. */
const SMALL = { fsync: 'off', max_wal_size: '32MB', min_wal_size: '32MB', max_connections: '100' };

async function ownPostgres(dataDir: string) {
  const port = await lastingPort();
  const start = () => startPostgres({ dataDir, port, settings: SMALL });
  let running: Postgres = await start();
  return {
    url: running.url,
    /** SIGKILL of its first process: all others end at once, and nothing is written any more. */
    async crash() {
      running.child.kill();
      await running.child.exited;
    },
    hasExited: () => running.child.hasExited(),
    /** On the same port, with the same data. */
    async start() {
      running = await start();
    },
    stop: () => running.child.stop(),
  };
}

async function ownTemporal(dataDir: string) {
  const port = await lastingPort();
  const start = () => startTemporal({ binary: inject('temporalBinary'), dataDir, uiPort: false, port });
  let running: Temporal = await start();
  return {
    address: `127.0.0.1:${port}`,
    async start() {
      running = await start();
    },
    async crash() {
      running.child.kill();
      await running.child.exited;
    },
    stop: () => running.child.stop(),
  };
}
