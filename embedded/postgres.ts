import { randomBytes } from 'node:crypto';
import { chown, mkdir, readFile, rename, rm, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import postgres from 'postgres';
import { HooklineError } from '../domain/errors.ts';
import { startChild } from './child.ts';
import type { Child } from './child.ts';
import { freePorts } from './free-port.ts';
import { lastLines } from './log-file.ts';
import { findPostgresBinaries } from './postgres-binaries.ts';
import { findPostgresUser } from './postgres-user.ts';
import type { PostgresUser } from './postgres-user.ts';
import { endedError, untilReady } from './ready.ts';
import { commandOf } from './running-process.ts';

export type PostgresOptions = {
  /** The database's files are in `postgres/` below it and are kept. Absolute. */
  dataDir: string;
  /** Free where not given. */
  port?: number;
  /** Made where missing: `hookline` by default. */
  database?: string;
  /** Settings of the server, such as `{ fsync: 'off' }` for tests. */
  settings?: Record<string, string>;
  /** Called with each process as it starts, so that it can be stopped before it is ready. */
  onSpawn?: (child: Child) => void;
};

/** A running Postgres of our own: `url` has user, password and database. */
export type Postgres = { url: string; port: number; child: Child };

type Cluster = { folder: string; password: string; user: PostgresUser; binary: string; logFile: string };

/**
 * Starts Postgres on 127.0.0.1 and resolves when it answers and the database is there. Data of earlier starts is kept.
 * @throws HooklineError `embedded.failed` that says why, with the end of its log.
 */
export async function startPostgres(options: PostgresOptions): Promise<Postgres> {
  const cluster = await openCluster(options);
  const giveUpAt = performance.now() + 15_000;
  for (;;) {
    await removeStalePid(cluster.folder);
    const port = options.port ?? (await freePorts(1))[0] ?? 0;
    const child = startServer(cluster, port, options);
    try {
      const url = `postgres://postgres:${cluster.password}@127.0.0.1:${port}`;
      await untilReady(child, 60_000, () => ensureDatabase(`${url}/postgres`, options.database ?? 'hookline'));
      return { url: `${url}/${options.database ?? 'hookline'}`, port, child };
    } catch (error) {
      await child.stop();
      if (performance.now() > giveUpAt || !mayPass(lastLines(cluster.logFile, 20), options.port)) throw error;
      await pause(100);
    }
  }
}

/** Another took the port between our look and the start; or the server of a run before, killed, is not quite gone. */
function mayPass(log: string, fixedPort: number | undefined): boolean {
  if (/address already in use/i.test(log)) return fixedPort === undefined;
  return /lock file "postmaster\.pid" already exists|pre-existing shared memory block/.test(log);
}

function startServer(cluster: Cluster, port: number, options: PostgresOptions): Child {
  const settings = {
    port: String(port),
    listen_addresses: '127.0.0.1',
    unix_socket_directories: '',
    log_checkpoints: 'off',
    ...options.settings,
  };
  const child = startChild({
    name: 'Postgres',
    command: [
      cluster.binary,
      '-D',
      cluster.folder,
      ...Object.entries(settings).flatMap(([name, value]) => ['-c', `${name}=${value}`]),
    ],
    prefix: cluster.user.prefix,
    signal: 'INT',
    killAfterMs: 2_500,
    logFile: cluster.logFile,
  });
  options.onSpawn?.(child);
  return child;
}

async function openCluster(options: PostgresOptions): Promise<Cluster> {
  const { dataDir } = options;
  await mkdir(dataDir, { recursive: true, mode: 0o711 });
  const binaries = await findPostgresBinaries();
  const user = await findPostgresUser(binaries.postgres, dataDir);
  const folder = join(dataDir, 'postgres');
  const passwordFile = join(dataDir, 'postgres-password');
  const logFile = join(dataDir, 'postgres.log');

  const found = await stat(folder).catch(() => undefined);
  if (found) {
    if (found.uid !== user.uid) {
      const message = `The database in ${folder} belongs to user ${found.uid}, but Postgres would run as user ${user.uid}. Start it as the user who made it, or delete the folder, or set HOOKLINE_DATA_DIR to another.`;
      throw new HooklineError('embedded.failed', message);
    }
  } else {
    await writeFile(passwordFile, randomBytes(24).toString('hex'), { mode: 0o600 });
    await chown(passwordFile, user.uid, user.gid);
    await createCluster({ initdb: binaries.initdb, folder, passwordFile, user, options });
  }
  const password = await readFile(passwordFile, 'utf8').catch((cause: unknown) => {
    const message = `The password of the database in ${folder} cannot be read from ${passwordFile}: bring that file back, or delete the folder.`;
    throw new HooklineError('embedded.failed', message, { cause });
  });
  return { folder, password: password.trim(), user, binary: binaries.postgres, logFile };
}

/** Made under another name and renamed when complete, so that a start that was killed leaves no half of one. */
async function createCluster(request: {
  initdb: string;
  folder: string;
  passwordFile: string;
  user: PostgresUser;
  options: PostgresOptions;
}): Promise<void> {
  const { initdb, folder, passwordFile, user, options } = request;
  const unfinished = `${folder}.unfinished`;
  await rm(unfinished, { recursive: true, force: true });
  await mkdir(unfinished, { mode: 0o700 });
  await chown(unfinished, user.uid, user.gid);
  const child = startChild({
    name: 'initdb',
    command: [
      initdb,
      ...[
        '-D',
        unfinished,
        '-U',
        'postgres',
        '-E',
        'UTF8',
        '--locale=C',
        '--locale-provider=builtin',
        '--builtin-locale=C.UTF-8',
      ],
      ...['--auth=scram-sha-256', `--pwfile=${passwordFile}`, '--no-instructions'],
      ...(options.settings?.fsync === 'off' ? ['--no-sync'] : []),
    ],
    prefix: user.prefix,
    logFile: join(options.dataDir, 'initdb.log'),
  });
  options.onSpawn?.(child);
  const exit = await child.exited;
  if (exit.code !== 0) throw endedError(child, exit);
  await rename(unfinished, folder);
}

/** After a kill, the id in postmaster.pid may have passed to another program, which Postgres would take for its own. It sees to ids that nobody has. */
async function removeStalePid(folder: string): Promise<void> {
  const file = join(folder, 'postmaster.pid');
  const pid = Number.parseInt(await readFile(file, 'utf8').catch(() => ''), 10);
  if (!pid) return;
  const command = await commandOf(pid);
  if (command && !command.includes(folder)) await rm(file, { force: true });
}

async function ensureDatabase(url: string, database: string): Promise<true> {
  const sql = postgres(url, { max: 1, connect_timeout: 5, onnotice: () => {} });
  try {
    const [found] = await sql`SELECT 1 FROM pg_database WHERE datname = ${database}`;
    if (!found) await sql`CREATE DATABASE ${sql(database)}`;
    return true;
  } finally {
    await sql.end({ timeout: 1 });
  }
}
