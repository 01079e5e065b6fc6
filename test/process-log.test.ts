import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, openSync } from 'node:fs';
import { setTimeout as pause } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';

const program = fileURLToPath(new URL('support/chatty-process.ts', import.meta.url));
const env = {
  ...process.env,
  HOOKLINE_ADMIN_KEY: 'a-long-random-text-of-your-own',
  HOOKLINE_MASTER_KEY: 'q83vEjRWeJCrze8SNFZ4kKvN7xI0VniQq83vEjRWeJA=',
  DATABASE_URL: 'postgres://nobody@127.0.0.1/none',
};

type Reader = 'reads' | 'is gone' | 'reads no more' | 'is a full disk';

/** Starts a process that logs, whose output goes to `reader`. */
function start(reader: Reader, lines: number, end: 'fails' | 'waits') {
  const output = reader === 'is a full disk' ? openSync('/dev/full', 'w') : 'pipe';
  const child = spawn(process.execPath, ['--import', 'tsx', program, String(lines), end], {
    env,
    stdio: ['ignore', output, 'inherit', 'ipc'],
  });
  if (typeof output === 'number') closeSync(output);
  let read = '';
  if (reader === 'reads') child.stdout?.setEncoding('utf8').on('data', (text: string) => (read += text));
  if (reader === 'is gone') child.stdout?.destroy();
  // `close` waits for all output, which nobody reads here.
  const ended = once(child, reader === 'reads' ? 'close' : 'exit').then(([code]) => ({ code, read }));
  const late = pause(25_000, undefined, { ref: false }).then(() => {
    child.kill('SIGKILL');
    return { code: 'it did not end', read };
  });
  return { child, ended: Promise.race([ended, late]) };
}

// More than a pipe takes, and more than may wait.
const MANY = 60_000;

describe.concurrent('a process is not held up by its log', () => {
  it.each<[Reader, number]>([
    ['is gone', 1],
    ['reads no more', MANY],
    ['is a full disk', 1],
  ])('whose reader %s: it fails with its code after %i lines', async (reader, lines) => {
    expect(await start(reader, lines, 'fails').ended).toMatchObject({ code: 1 });
  });

  it.each<Reader>(['reads no more', 'is a full disk'])(
    'whose reader %s: it works until it is stopped',
    async (reader) => {
      const { child, ended } = start(reader, MANY, 'waits');
      const [first] = await Promise.race([once(child, 'message'), ended.then((exit) => [exit])]);
      expect(first).toEqual({ type: 'ready' });
      child.kill('SIGTERM');
      expect(await ended).toMatchObject({ code: 0 });
    },
  );

  it('has written all its lines, the last one too, when it ends', async () => {
    const ended = await start('reads', 5_000, 'fails').ended;
    expect(ended.code).toBe(1);
    const lines = ended.read.trimEnd().split('\n');
    expect(lines).toHaveLength(5_001);
    expect(JSON.parse(lines.at(-1) ?? '')).toMatchObject({ level: 60, err: { message: 'no further' } });
  });
});
