import { randomBytes } from 'node:crypto';
import { join, relative, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { environment, isSet, loadConfig, loadToolPlaces } from './config.ts';
import { HooklineError } from './domain/errors.ts';
import type { Child } from './embedded/child.ts';
import { takeDataDir } from './embedded/data-dir.ts';
import { loadExampleCampaign } from './embedded/example-campaign.ts';
import { isFree, nextFreePort } from './embedded/free-port.ts';
import { keepKey, readPorts, writePorts } from './embedded/kept-files.ts';
import { startPostgres } from './embedded/postgres.ts';
import { createProcesses } from './embedded/processes.ts';
import { startProgram } from './embedded/program.ts';
import { untilReady } from './embedded/ready.ts';
import { startRequestBin } from './embedded/request-bin.ts';
import { findTemporal } from './embedded/temporal-binary.ts';
import { startTemporal } from './embedded/temporal.ts';
import type { Temporal } from './embedded/temporal.ts';
import { welcome } from './embedded/welcome.ts';
import { portFault } from './http-server.ts';

const root = fileURLToPath(new URL('.', import.meta.url));
const processes = createProcesses();
const releases: (() => Promise<void>)[] = [];
const addServer = (child: Child): void => processes.add(child, 'server');
const addProgram = (child: Child): void => processes.add(child, 'program');
const say = (text: string): void => void process.stdout.write(`${text}\n`);

async function start(): Promise<void> {
  const config = loadConfig(environment, 'start');
  const dataDir = resolve(config.dataDir);
  // Before the port, which the copy that runs has too.
  releases.push(await takeDataDir(dataDir));
  const isPortFree = async () =>
    isFree(config.port).catch((cause: unknown) => Promise.reject(portFault(cause, config.port, 'PORT')));
  if (isSet(environment, 'port') && !(await isPortFree())) {
    const message = `PORT is ${config.port}, which is taken: stop what listens there, or set PORT to another, for example PORT=${config.port + 1}`;
    throw new HooklineError('config.invalid', message);
  }
  const adminKeyFile = join(dataDir, 'admin-key');
  const adminKey =
    config.adminKey ?? (await keepKey(adminKeyFile, () => `hk_dev_${randomBytes(24).toString('base64url')}`));
  const masterKey =
    config.masterKey?.toString('base64') ??
    (await keepKey(join(dataDir, 'master-key'), () => randomBytes(32).toString('base64')));

  const kept = await readPorts(dataDir);
  const [bin, databaseUrl, temporal] = await Promise.all([
    startRequestBin({ port: kept.requestBin ?? (await nextFreePort(4311)) }),
    config.databaseUrl ?? startOwnPostgres(dataDir),
    config.temporalAddress ? undefined : startOwnTemporal(dataDir, kept.temporalUi),
  ]);
  releases.push(bin.close);
  await writePorts(dataDir, { requestBin: bin.port, temporalUi: temporal?.uiPort ?? kept.temporalUi });

  const env: NodeJS.ProcessEnv = {
    // Half of Node's threads may look up names: of its 4, two names whose DNS hangs would hold up all others.
    UV_THREADPOOL_SIZE: '64',
    ...(temporal ? withoutTemporal(environment) : environment),
    HOOKLINE_DATA_DIR: dataDir,
    HOOKLINE_ADMIN_KEY: adminKey,
    HOOKLINE_MASTER_KEY: masterKey,
    HOOKLINE_ALLOW_ORIGIN: bin.origin,
    DATABASE_URL: databaseUrl,
    // No such file: the user's own may have a profile for another server, which must not count for this one.
    ...(temporal && {
      TEMPORAL_ADDRESS: temporal.address,
      TEMPORAL_CONFIG_FILE: join(dataDir, 'temporal.toml'),
      HOOKLINE_TEMPORAL_UI_URL: temporal.uiUrl,
    }),
  };
  const startServer = async () => {
    const port = await startApi(env, dataDir, config.port);
    const api = `http://127.0.0.1:${port}`;
    const file = join(root, 'examples/leanplum-status.yaml');
    return { api, hasExample: await loadExampleCampaign({ api, adminKey, binUrl: `${bin.origin}/bin`, file }) };
  };
  const startWorker = async (): Promise<void> =>
    processes.watch(await startProgram({ name: 'worker', root, dataDir, env, say, onSpawn: addProgram }));
  const [{ api, hasExample }] = await Promise.all([startServer(), startWorker()]);

  say(
    welcome({
      seconds: performance.now() / 1000,
      api,
      temporal: temporal?.uiUrl ?? `${config.temporalAddress} (yours)`,
      requestBin: bin.origin,
      hasExample,
      adminKey: config.adminKey ? undefined : adminKey,
      adminKeyFile: asTyped(adminKeyFile),
      dataDir: asTyped(dataDir),
    }),
  );
}

async function startOwnPostgres(dataDir: string): Promise<string> {
  const postgres = await startPostgres({ dataDir, onSpawn: addServer });
  processes.watch(postgres.child);
  return postgres.url;
}

async function startOwnTemporal(dataDir: string, keptUiPort = 8233): Promise<Temporal> {
  const binary = await findTemporal({ ...loadToolPlaces(environment), say, onSpawn: addServer });
  const uiPort = await nextFreePort(keptUiPort);
  const temporal = await startTemporal({ binary, dataDir, uiPort, onSpawn: addServer });
  processes.watch(temporal.child);
  return temporal;
}

/** The port of the API. Where PORT is not set, another copy may take the free one first: then the next. */
async function startApi(env: NodeJS.ProcessEnv, dataDir: string, wishedPort: number): Promise<number> {
  for (;;) {
    const port = isSet(environment, 'port') ? wishedPort : await nextFreePort(wishedPort);
    try {
      const server = await startProgram({
        name: 'server',
        root,
        dataDir,
        env: { ...env, PORT: String(port) },
        say,
        onSpawn: addProgram,
      });
      await untilReady(server, 60_000, async () => (await fetch(`http://127.0.0.1:${port}/readyz`)).ok || undefined);
      processes.watch(server);
      return port;
    } catch (error) {
      if (isSet(environment, 'port') || !String(error).includes('EADDRINUSE')) throw error;
    }
  }
}

function withoutTemporal(env: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  return Object.fromEntries(Object.entries(env).filter(([name]) => !name.startsWith('TEMPORAL_')));
}

/** A path as one types it here. */
function asTyped(path: string): string {
  const fromHere = relative('', path);
  return fromHere.startsWith('..') ? path : fromHere;
}

let ending = false;

/** Once, although a signal to the whole process group comes here twice: from the terminal and from npm. */
async function end(code: number, reason: string): Promise<void> {
  if (ending) return;
  ending = true;
  say(reason);
  await processes.stop();
  await Promise.allSettled(releases.map((release) => release()));
  process.exit(code);
}

for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => void end(0, '\nStopping …'));
// A terminal that is closed takes our words no more; the processes are to be stopped all the same.
process.stdout.on('error', () => {});

try {
  await Promise.race([start(), processes.failed]);
  await processes.failed;
} catch (error) {
  await end(
    1,
    `\n${error instanceof HooklineError ? error.message : String(error instanceof Error ? error.stack : error)}`,
  );
}
