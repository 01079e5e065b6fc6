import { execFile } from 'node:child_process';
import { setTimeout as pause } from 'node:timers/promises';
import { promisify } from 'node:util';
import { medianBy, until } from './measure.ts';
import type { Servers } from './servers.ts';

/** As many as a worker sends at once. */
const AT_ONCE = 200;
const WARM_UP_WAVES = 2;
const COUNTED_WAVES = 3;
const AT_MOST_MB = 64;

/**
 * The most memory that the worker's process has while it reads 200 bodies without an end, all at once, against as many small
 * ones. Small ones come first: a process gives little memory back, and what has grown once would hide what grows later.
 */
export async function benchMemory(servers: Servers): Promise<string> {
  const ports = servers.origins.map((origin) => new URL(origin).port);
  await servers.publish('memory', {
    steps: [
      {
        type: 'webhook',
        id: 'hook',
        url: 'http://127.0.0.1:{{ event.port }}/{{ event.path }}',
        allowHosts: ports.map((port) => `127.0.0.1:${port}`),
        timeout: '60s',
        response: { attributes: { status: '{{ response.status }}' } },
      },
    ],
  });
  let sent = 0;
  /** Megabytes at most, from when the answers begin to when all are stored. */
  const peakOfWave = async (path: string) => {
    const event = (_: unknown, each: number) => ({
      person: `memory-${sent + each}`,
      name: 'memory',
      data: { port: ports[each % ports.length], path },
    });
    await servers.post(Array.from({ length: AT_ONCE }, event));
    sent += AT_ONCE;
    await until(`${AT_ONCE} requests are under way`, async () => (await servers.holding()) === AT_ONCE);
    const { pid } = await program(servers.worker.pid);
    process.kill(pid, 'SIGUSR2');
    await pause(500);
    await servers.release();
    let peak = 0;
    await until('all answers are stored', async () => {
      peak = Math.max(peak, (await program(servers.worker.pid)).rss);
      return (await servers.countDeliveries('memory', 'sent')) === sent;
    });
    return peak / 1024;
  };
  const median = async (path: string) => {
    const peaks: number[] = [];
    for (let each = 0; each < COUNTED_WAVES; each += 1) peaks.push(await peakOfWave(path));
    return medianBy(peaks, (peak) => peak);
  };

  for (let each = 0; each < WARM_UP_WAVES; each += 1) await peakOfWave('held');
  const small = await median('held');
  const endless = await median('held-endless');
  const shown = `${endless.toFixed(0)} MB while ${AT_ONCE} endless bodies are read at once, ${small.toFixed(0)} MB with small ones`;
  return `memory: +${(endless - small).toFixed(0)} MB, at most +${AT_MOST_MB} MB (${shown})`;
}

/** Megabytes that the worker's process has, after it was told to collect what nobody needs; `servers.heapMb` is the heap's part then. */
export async function residentMb(servers: Servers): Promise<number> {
  const { pid } = await program(servers.worker.pid);
  process.kill(pid, 'SIGUSR2');
  await pause(1_000);
  return (await program(servers.worker.pid)).rss / 1024;
}

/** The program under a guard, with its resident memory in KiB, as `ps` of every system says it. Its other child is a shell. */
async function program(guard: number | undefined): Promise<{ pid: number; rss: number }> {
  const { stdout } = await promisify(execFile)('ps', ['-A', '-o', 'ppid=,pid=,rss=']);
  const children = stdout
    .split('\n')
    .map((line) => line.trim().split(/\s+/).map(Number))
    .filter(([parent]) => parent === guard)
    .map(([, pid = 0, rss = 0]) => ({ pid, rss }));
  const [largest] = children.toSorted((a, b) => b.rss - a.rss);
  if (!largest) throw new Error('the program has ended');
  return largest;
}
