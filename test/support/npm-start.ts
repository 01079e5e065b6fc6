import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

const root = fileURLToPath(new URL('../..', import.meta.url));

/** `npm start` as a user types it, with its data in a folder of the test's own; `variables` are set. Resolves when it says that it is ready. */
export async function npmStart(dataDir: string, variables: Record<string, string> = {}) {
  const { PORT: _, DATABASE_URL: __, TEMPORAL_ADDRESS: ___, ...env } = process.env;
  const npm = spawn('npm', ['start'], {
    cwd: root,
    env: { ...env, HOOKLINE_DATA_DIR: dataDir, ...variables },
    detached: true,
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const exited = once(npm, 'exit').then(([code]: unknown[]) => code);
  let output = '';
  await new Promise<void>((resolve, reject) => {
    npm.stdout.on('data', (chunk: Buffer) => {
      output += chunk.toString();
      if (output.includes('Ctrl-C stops')) resolve();
    });
    void exited.then(() => reject(new Error(`npm start ended before it was ready: ${output}`)));
  });
  const pid = npm.pid ?? 0;
  return {
    output,
    url: /API +(\S+)/.exec(output)?.[1] ?? '',
    bin: /Request bin +(\S+)/.exec(output)?.[1] ?? '',
    /** All processes that it started, and that these started. */
    async descendants(): Promise<number[]> {
      const { stdout } = await promisify(execFile)('ps', ['-eo', 'pid=,ppid=']);
      const parents = stdout
        .trim()
        .split('\n')
        .map((line) => line.trim().split(/\s+/).map(Number));
      const found = [pid];
      for (const parent of found) {
        found.push(
          ...parents.filter(([, of]) => of === parent).flatMap(([child]) => (child === undefined ? [] : [child])),
        );
      }
      return found;
    },
    /** Ends it where it still runs. */
    async end(): Promise<void> {
      if (npm.exitCode === null && npm.signalCode === null) process.kill(-pid, 'SIGINT');
      await exited;
    },
    /** A signal to npm alone, or, as a terminal's Ctrl-C, to its whole process group. Answers the exit code. */
    async signal(name: NodeJS.Signals, to: 'npm' | 'group'): Promise<unknown> {
      process.kill(to === 'group' ? -pid : pid, name);
      return exited;
    },
  };
}

export function isAlive(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
}
