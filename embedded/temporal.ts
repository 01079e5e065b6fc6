import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { HooklineError } from '../domain/errors.ts';
import { startChild } from './child.ts';
import type { Child } from './child.ts';
import { freePorts } from './free-port.ts';
import { lastLines } from './log-file.ts';
import { untilReady } from './ready.ts';
import { commandOf } from './running-process.ts';

export type TemporalOptions = {
  /** Temporal's CLI, from `findTemporal`. */
  binary: string;
  /** Has `temporal.db` and `temporal.log`. Absolute. */
  dataDir: string;
  /** Keeps everything in memory and loses it at the end: for tests. */
  inMemory?: boolean;
  /** Settings of the server, by the names of its dynamic configuration: for tests. */
  dynamicConfig?: Record<string, number | string>;
  /** Of the gRPC frontend; free where not given. */
  port?: number;
  /** Of the Web UI; free where not given, `false` for none. */
  uiPort?: number | false;
  /** Called with the process as it starts, so that it can be stopped before it is ready. */
  onSpawn?: (child: Child) => void;
};

const DYNAMIC_CONFIG = {
  /**
   * The dev server keeps all workflows in one shard, whose tasks it would look for only 20 times a second: at a few journeys a second
   * each step then waits for up to 50 ms. A cluster has hundreds of shards.
   */
  'history.transferProcessorMaxPollRPS': 200,
  /** Open polls of a worker that stops are answered with nothing, rather than with a task that nobody would take up. */
  'frontend.enableCancelWorkerPollsOnShutdown': true,
  /** Tasks go by their priorities: the default from 1.31 on. */
  'matching.useNewMatcher': true,
};

/** A running dev server of Temporal: `address` for clients and workers, in the namespace `default`. */
export type Temporal = {
  address: string;
  port: number;
  uiUrl: string | undefined;
  uiPort: number | undefined;
  child: Child;
};

/**
 * Starts Temporal's dev server on 127.0.0.1 and resolves when the namespace answers.
 * @throws HooklineError `embedded.failed` that says why, with the end of its log.
 */
export async function startTemporal(options: TemporalOptions): Promise<Temporal> {
  const { dataDir } = options;
  await mkdir(dataDir, { recursive: true, mode: 0o711 });
  const pidFile = join(dataDir, 'temporal.pid');
  if (!options.inMemory) await untilEarlierEnded(pidFile, dataDir);
  for (let attempt = 1; ; attempt++) {
    const [free = 0, freeForUi = 0, httpPort = 0] = await freePorts(3);
    const port = options.port ?? free;
    const uiPort = options.uiPort === false ? undefined : (options.uiPort ?? freeForUi);
    const child = startServer(options, { port, uiPort, httpPort });
    if (!options.inMemory) await writeFile(pidFile, String(child.pid));
    try {
      await untilReady(child, 60_000, async () => {
        const answer = await fetch(`http://127.0.0.1:${httpPort}/api/v1/namespaces/default`, {
          signal: AbortSignal.timeout(5_000),
        });
        return answer.ok || undefined;
      });
      return {
        address: `127.0.0.1:${port}`,
        port,
        uiUrl: uiPort ? `http://127.0.0.1:${uiPort}` : undefined,
        uiPort,
        child,
      };
    } catch (error) {
      await child.stop();
      // Another may have taken a port between our look and the start; one that the caller fixed is the caller's matter.
      if (attempt === 3 || options.port || !/address already in use/i.test(lastLines(child.logFile, 20))) throw error;
    }
  }
}

/** When we are killed, the server of that run needs a moment to end; two on one file would take turns in spoiling it. */
async function untilEarlierEnded(pidFile: string, dataDir: string): Promise<void> {
  const pid = Number.parseInt(await readFile(pidFile, 'utf8').catch(() => ''), 10);
  const giveUpAt = performance.now() + 10_000;
  while (pid && (await commandOf(pid))?.includes(dataDir)) {
    if (performance.now() > giveUpAt) {
      const message = `Another Temporal server (process ${pid}) uses ${dataDir}: end it, or set HOOKLINE_DATA_DIR to another folder.`;
      throw new HooklineError('embedded.failed', message);
    }
    await pause(50);
  }
}

function startServer(
  options: TemporalOptions,
  ports: { port: number; uiPort: number | undefined; httpPort: number },
): Child {
  const pragmas = ['journal_mode=WAL', 'synchronous=NORMAL'].flatMap((pragma) => ['--sqlite-pragma', pragma]);
  const settings = Object.entries({ ...DYNAMIC_CONFIG, ...options.dynamicConfig }).flatMap(([key, value]) => [
    '--dynamic-config-value',
    `${key}=${JSON.stringify(value)}`,
  ]);
  const child = startChild({
    name: 'Temporal',
    command: [
      ...[options.binary, 'server', 'start-dev', '--ip', '127.0.0.1', '--log-level', 'warn'],
      ...['--port', String(ports.port), '--http-port', String(ports.httpPort)],
      ...(ports.uiPort ? ['--ui-port', String(ports.uiPort)] : ['--headless']),
      ...(options.inMemory ? [] : ['--db-filename', join(options.dataDir, 'temporal.db'), ...pragmas]),
      ...settings,
    ],
    killAfterMs: 2_500,
    logFile: join(options.dataDir, 'temporal.log'),
  });
  options.onSpawn?.(child);
  return child;
}
