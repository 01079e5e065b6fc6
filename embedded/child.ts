import { spawn } from 'node:child_process';
import { createWriteStream, openSync, closeSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { rotateLog } from './log-file.ts';

/** How a process ended: `code` or `signal`, or `error` where it could not be started. */
export type Exit = { code: number | null; signal: NodeJS.Signals | null; error?: Error };

/** A process that ends when we do, however we end. */
export type Child = {
  name: string;
  /** Of the guard, which lives as long as the program. */
  pid: number | undefined;
  logFile: string;
  exited: Promise<Exit>;
  hasExited: () => boolean;
  /** Asks it to end, with SIGKILL after `killAfterMs`, or after a bound of its own; resolves when it is gone. */
  stop: (boundMs?: number) => Promise<Exit>;
  /** SIGKILL for it and all it started in its process group. */
  kill: () => void;
};

export type ChildOptions = {
  /** For messages: `Postgres`. */
  name: string;
  /** Program and arguments. */
  command: string[];
  /** Words before the guard that give up rights, such as `setpriv --reuid nobody`. */
  prefix?: string[];
  /** What asks it to end: SIGTERM by default. */
  signal?: 'INT' | 'TERM';
  /** After which a stop turns into SIGKILL, in milliseconds: 7,000 by default. */
  killAfterMs?: number;
  logFile: string;
  env?: NodeJS.ProcessEnv;
  cwd?: string;
  /** Called with each line that it prints, besides the log. */
  onLine?: (line: string) => void;
  /** Called with each message that a Node process sends by `process.send`. */
  onMessage?: (message: unknown) => void;
};

// The shell stays the parent and watches our pipe: it closes when we stop the child, and also when we are killed.
// The pipe is moved to 9, because Node's channel for messages may be 3. `trap :` lets `wait` go on after a stray signal.
const GUARD = `signal=$1; shift
exec 9<&0 </dev/null
trap : HUP INT TERM
"$@" 9<&- &
child=$!
( trap - HUP INT TERM; read -r _ <&9; kill -s "$signal" "$child" 2>/dev/null ) &
watcher=$!
exec 9<&-
wait "$child"; code=$?
while kill -0 "$child" 2>/dev/null; do wait "$child"; code=$?; done
kill "$watcher" 2>/dev/null
exit "$code"`;

/**
 * Starts a program under a guard in its own session, so that a terminal's Ctrl-C does not reach it and it is stopped in order.
 * Its output goes to `logFile`; the log of the run before is kept beside it.
 */
export function startChild(options: ChildOptions): Child {
  const { name, command, prefix = [], signal = 'TERM', killAfterMs = 7_000, logFile, onLine, onMessage } = options;
  rotateLog(logFile);
  const log = openSync(logFile, 'a', 0o600);
  const output = onLine ? 'pipe' : log;
  const [program = 'sh', ...words] = [...prefix, 'sh', '-c', GUARD, 'sh', signal, ...command];
  const spawned = spawn(program, words, {
    cwd: options.cwd,
    env: options.env,
    detached: true,
    stdio: ['pipe', output, output, ...(onMessage ? (['ipc'] as const) : [])],
  });
  closeSync(log);
  spawned.stdin?.on('error', () => {});
  if (onMessage) spawned.on('message', onMessage);
  if (onLine) {
    const copy = createWriteStream(logFile, { flags: 'a' });
    // A full disk: the program goes on, without a log until it is started again.
    copy.on('error', () => {});
    for (const stream of [spawned.stdout, spawned.stderr]) {
      if (!stream) continue;
      stream.on('data', (chunk: Buffer) => copy.writable && copy.write(chunk));
      createInterface({ input: stream }).on('line', onLine);
    }
    spawned.on('close', () => copy.end());
  }

  let ended = false;
  const exited = new Promise<Exit>((resolve) => {
    const end = (exit: Exit): void => {
      ended = true;
      resolve(exit);
    };
    spawned.on('error', (error) => end({ code: null, signal: null, error }));
    spawned.on('close', (code, signalName) => end({ code, signal: signalName }));
  });
  const kill = (): void => {
    if (spawned.pid === undefined || ended) return;
    try {
      process.kill(-spawned.pid, 'SIGKILL');
    } catch {
      // The group is gone already.
    }
  };
  const stop = async (boundMs = killAfterMs): Promise<Exit> => {
    spawned.stdin?.end();
    const bound = setTimeout(kill, boundMs);
    const exit = await exited;
    clearTimeout(bound);
    return exit;
  };
  return { name, pid: spawned.pid, logFile, exited, hasExited: () => ended, stop, kill };
}
