import { spawn } from 'node:child_process';
import { randomBytes, randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { inject } from 'vitest';
import { environment } from '../../config.ts';
import { ADMIN_KEY, createApiClient } from './client.ts';
import { lastingPort } from './lasting-port.ts';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));

/** A real `server.ts` or `worker.ts`, which ends with this process at the latest. */
export type TestProcess = {
  pid: number;
  /** Resolves once the process says that it is ready; rejects with what it printed when it ends before. */
  ready: Promise<void>;
  /** What it has printed so far, line by line. */
  lines: string[];
  /** SIGKILL: no handler runs. Resolves when the process is gone. */
  kill(): Promise<void>;
  /** SIGSTOP: it does nothing at all, and its connections stay open, until it is woken. */
  freeze(): void;
  wake(): void;
  /** SIGTERM once, or several times in a row; answers how it ended, by SIGKILL (null) if it takes more than 15 s. */
  terminate(times?: number): Promise<number | null>;
  exited: Promise<{ code: number | null; signal: NodeJS.Signals | null }>;
};

/** @param preload files that are loaded before the program */
function startProcess(name: 'server' | 'worker', env: Record<string, string>, preload: string[]): TestProcess {
  const imports = ['tsx', ...preload].flatMap((each) => ['--import', each]);
  const child = spawn(process.execPath, [...imports, `${name}.ts`], {
    cwd: ROOT,
    env: { ...environment, ...env },
    stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
  });
  const lines: string[] = [];
  for (const stream of [child.stdout, child.stderr]) {
    if (stream) createInterface({ input: stream }).on('line', (line) => lines.push(line));
  }
  const exited = once(child, 'close').then(() => ({ code: child.exitCode, signal: child.signalCode }));
  const ready = Promise.race([
    once(child, 'message').then(() => {}),
    exited.then(() => Promise.reject(new Error(`the ${name} ended before it was ready:\n${lines.join('\n')}`))),
  ]);
  // Whoever does not wait for it is not told: a test may want a process that never gets ready.
  ready.catch(() => {});
  return {
    pid: child.pid ?? 0,
    ready,
    lines,
    freeze: () => void child.kill('SIGSTOP'),
    wake: () => void child.kill('SIGCONT'),
    async kill() {
      child.kill('SIGKILL');
      await exited;
    },
    async terminate(times = 1) {
      for (let sent = 0; sent < times; sent += 1) child.kill('SIGTERM');
      const late = setTimeout(() => child.kill('SIGKILL'), 15_000);
      const { code } = await exited;
      clearTimeout(late);
      return code;
    },
    exited,
  };
}

/**
 * Hookline as it is run: an API and any number of workers, each a process of its own, on the given database, Temporal (the run's
 * own where absent) and a task queue that nobody else has. `env` adds variables or takes the place of those here.
 */
export async function prepareProcesses(options: {
  databaseUrl: string;
  temporalAddress?: string;
  env?: Record<string, string>;
}) {
  const port = await lastingPort();
  const env = {
    DATABASE_URL: options.databaseUrl,
    PORT: String(port),
    TEMPORAL_ADDRESS: options.temporalAddress ?? inject('temporalAddress'),
    TEMPORAL_CONFIG_FILE: join(tmpdir(), 'no-such-temporal.toml'),
    HOOKLINE_TASK_QUEUE: `test-${randomUUID()}`,
    HOOKLINE_ADMIN_KEY: ADMIN_KEY,
    HOOKLINE_MASTER_KEY: randomBytes(32).toString('base64'),
    HOOKLINE_ALLOW_HTTP: 'on',
    HOOKLINE_ALLOW_NETWORKS: '127.0.0.0/8',
    HOOKLINE_RETRY_FIRST_DELAY: '1s',
    HOOKLINE_WORKFLOW_BUNDLE: inject('bundlePath'),
    ...options.env,
  };
  const started: TestProcess[] = [];
  const start = (name: 'server' | 'worker', overrides: Record<string, string> = {}, preload: string[] = []) => {
    const child = startProcess(name, { ...env, ...overrides }, preload);
    started.push(child);
    return child;
  };
  return {
    ...createApiClient(`http://127.0.0.1:${port}`),
    startServer: (overrides?: Record<string, string>, preload?: string[]) => start('server', overrides, preload),
    startWorker: (overrides?: Record<string, string>, preload?: string[]) => start('worker', overrides, preload),
    /** Ends what still runs, by SIGKILL. */
    async stop() {
      await Promise.all(started.map((child) => child.kill()));
    },
  };
}

export type Processes = Awaited<ReturnType<typeof prepareProcesses>>;
