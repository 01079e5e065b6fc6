import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { startChild } from '../../embedded/child.ts';
import { endedError, untilReady } from '../../embedded/ready.ts';
import { commandOf } from '../../embedded/running-process.ts';

const root = fileURLToPath(new URL('../..', import.meta.url));
// Says its process id and then stays, for `sleep` takes the shell's place.
const STAYS = ['sh', '-c', 'echo $$; exec sleep 1000'];
let folder: string;
let logFile: string;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'hookline-child-'));
  logFile = join(folder, 'child.log');
});
afterEach(() => rm(folder, { recursive: true }));

async function firstLine(): Promise<string | undefined> {
  return (await readFile(logFile, 'utf8')).match(/^(.+)\n/)?.[1];
}

async function untilGone(pid: number): Promise<void> {
  await expect.poll(() => commandOf(pid), { timeout: 5_000 }).toBeUndefined();
}

describe('a child', () => {
  it('tells how it ended', async () => {
    const child = startChild({ name: 'It', command: ['sh', '-c', 'echo "no disk"; exit 7'], logFile });
    const exit = await child.exited;
    expect(exit.code).toBe(7);
    expect(endedError(child, exit).message).toBe(`It ended with exit code 7. Its log, ${logFile}, ends with:\nno disk`);
  });

  it('tells that its program is missing', async () => {
    const child = startChild({ name: 'It', command: [join(folder, 'nothing')], logFile });
    expect((await child.exited).code).toBe(127);
    await expect(untilReady(child, 5_000, () => Promise.resolve(undefined))).rejects.toThrow(
      'It ended with exit code 127',
    );
  });

  it('ends at stop, and the guard with it', async () => {
    const child = startChild({ name: 'It', command: STAYS, logFile });
    const pid = Number(await untilReady(child, 5_000, firstLine));
    await child.stop();
    expect([await commandOf(pid), await commandOf(child.pid ?? 0)]).toEqual([undefined, undefined]);
  });

  it('is asked by the signal that it wants, and killed when it does not listen', async () => {
    const listens = startChild({
      name: 'It',
      command: [
        process.execPath,
        '-e',
        'process.on("SIGINT", () => process.exit(5)); setInterval(() => {}, 1e6); console.log("ready")',
      ],
      signal: 'INT',
      logFile,
    });
    await untilReady(listens, 5_000, firstLine);
    expect((await listens.stop()).code).toBe(5);

    const deaf = startChild({
      name: 'It',
      command: ['sh', '-c', 'trap "" TERM; echo ready; while :; do sleep 0.05; done'],
      killAfterMs: 300,
      logFile,
    });
    await untilReady(deaf, 5_000, firstLine);
    expect((await deaf.stop()).signal).toBe('SIGKILL');
  });

  it('speaks to us through the guard', async () => {
    const messages: unknown[] = [];
    const lines: string[] = [];
    const child = startChild({
      name: 'It',
      command: [process.execPath, '-e', 'console.log("hello"); process.send({ type: "ready" }, () => process.exit())'],
      logFile,
      onLine: (line) => lines.push(line),
      onMessage: (message) => messages.push(message),
    });
    expect((await child.exited).code).toBe(0);
    expect([messages, lines]).toEqual([[{ type: 'ready' }], ['hello']]);
  });

  it('does not outlive a parent that is killed', async () => {
    const module = pathToFileURL(join(root, 'embedded/child.ts')).href;
    const options = JSON.stringify({ name: 'It', command: STAYS, logFile });
    const script = `const { startChild } = await import(${JSON.stringify(module)}); startChild(${options});`;
    const parent = spawn(process.execPath, ['--import', 'tsx', '--input-type=module', '-e', script], { cwd: root });
    await expect.poll(() => firstLine().catch(() => undefined), { timeout: 10_000 }).toBeDefined();
    const pid = Number(await firstLine());
    expect(await commandOf(pid)).toContain('sleep 1000');

    parent.kill('SIGKILL');
    await once(parent, 'exit');
    await untilGone(pid);
  });

  it('keeps the log of the run before', async () => {
    for (const word of ['first', 'second']) await startChild({ name: 'It', command: ['echo', word], logFile }).exited;
    expect([await readFile(`${logFile}.1`, 'utf8'), await readFile(logFile, 'utf8')]).toEqual(['first\n', 'second\n']);
  });
});
