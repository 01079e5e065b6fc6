import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { startChild } from '../../embedded/child.ts';
import type { Child } from '../../embedded/child.ts';
import { createProcesses } from '../../embedded/processes.ts';
import { worthSaying } from '../../embedded/program.ts';

let folder: string;
let ended: string[];

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'hookline-processes-'));
  ended = [];
});
afterEach(() => rm(folder, { recursive: true }));

function start(name: string, ...command: string[]): Child {
  const child = startChild({ name, command, logFile: join(folder, `${name}.log`) });
  void child.exited.then(() => ended.push(name));
  return child;
}

describe('the processes of npm start', () => {
  it('end together, the programs before the servers that they use', async () => {
    const processes = createProcesses();
    processes.add(start('postgres', 'sleep', '1000'), 'server');
    processes.add(start('worker', 'sleep', '1000'), 'program');
    await processes.stop();
    expect(ended).toEqual(['worker', 'postgres']);
  });

  it('end with one that dies, whose reason is told', async () => {
    const processes = createProcesses();
    const child = start('worker', 'sh', '-c', 'echo out of memory; exit 3');
    processes.add(child, 'program');
    processes.watch(child);
    await expect(processes.failed).rejects.toThrow(/^worker ended with exit code 3\.[^]*out of memory$/);
  });

  it('end also when they begin after the end was asked for', async () => {
    const processes = createProcesses();
    await processes.stop();
    const late = start('late', 'sleep', '1000');
    processes.add(late, 'server');
    expect((await late.exited).code).not.toBe(0);
  });
});

describe('what npm start shows of a log', () => {
  it.each([
    ['{"level":30,"msg":"listening"}', undefined],
    ['{"level":40,"msg":"slow"}', 'slow'],
    ['{"level":50,"msg":"failed","err":{"type":"Error","message":"no route"}}', 'failed: no route'],
    ['    at main (server.ts:1:1)', '    at main (server.ts:1:1)'],
    ['', undefined],
  ])('%j becomes %j', (line, expected) => {
    expect(worthSaying(line)).toBe(expected);
  });
});
