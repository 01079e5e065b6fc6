import { execFile } from 'node:child_process';
import { setTimeout as pause } from 'node:timers/promises';
import { promisify } from 'node:util';
import type { Child } from '../embedded/child.ts';
import { until } from './measure.ts';
import type { Servers } from './servers.ts';

/** As many as a worker sends at once. */
const AT_ONCE = 200;
/** With answers of the same number, until the heap has grown to what journeys need. */
const WARM_UP_WAVES = 4;
const WAVES = 3;
const SAMPLE_EVERY_MS = 25;
const AT_MOST_MB = 64;

/**
 * The most memory that the worker's process takes while it reads 200 bodies without an end, all at once, against the same
 * number of small ones. First all small ones, since a process seldom gives memory back.
 */
export async function benchMemory(servers: Servers): Promise<string> {
  const hosts = servers.origins.map((origin) => new URL(origin).host);
  await servers.publish('memory', {
    steps: [
      {
        type: 'webhook',
        id: 'hook',
        url: 'http://{{ event.host }}/{{ event.path }}',
        allowHosts: hosts,
        timeout: '60s',
        response: { attributes: { status: '{{ response.status }}' } },
      },
    ],
  });
  let sent = 0;
  const wave = async (path: string) => {
    const data = (each: number) => ({ host: hosts[each % hosts.length], path });
    await servers.post(
      Array.from({ length: AT_ONCE }, (_, each) => ({
        person: `memory-${sent + each}`,
        name: 'memory',
        data: data(each),
      })),
    );
    sent += AT_ONCE;
    await until('all answers are stored', async () => (await servers.countDeliveries('memory', 'sent')) === sent);
  };
  const peakMb = async (path: string) => {
    const peak = await peakWhile(servers.worker, wave(path));
    const atOnce = Number(await (await fetch(`${servers.origins[0]}/held-at-once`)).text());
    return { peak, atOnce };
  };

  for (let each = 0; each < WARM_UP_WAVES; each += 1) await wave('held');
  const small: Peak[] = [];
  const endless: Peak[] = [];
  for (let each = 0; each < WAVES; each += 1) small.push(await peakMb('held'));
  for (let each = 0; each < WAVES; each += 1) endless.push(await peakMb('held-endless'));
  const [before, during] = [highest(small), highest(endless)];
  const shown = `${during.peak.toFixed(0)} MB with ${during.atOnce} endless bodies at once, ${before.peak.toFixed(0)} MB with small ones`;
  return `memory: +${(during.peak - before.peak).toFixed(0)} MB, at most +${AT_MOST_MB} MB (${shown})`;
}

type Peak = { peak: number; atOnce: number };

const highest = (peaks: Peak[]): Peak =>
  peaks.reduce((most, each) => (each.peak > most.peak ? each : most), { peak: 0, atOnce: 0 });

async function peakWhile(child: Child, work: Promise<void>): Promise<number> {
  let working = true;
  const ended = work.finally(() => (working = false));
  let peak = 0;
  while (working) {
    peak = Math.max(peak, await residentMb(child));
    await pause(SAMPLE_EVERY_MS);
  }
  await ended;
  return peak;
}

/** Of the program under its guard. As `ps` says it, which every system has. */
async function residentMb({ pid }: Child): Promise<number> {
  const { stdout } = await promisify(execFile)('ps', ['-A', '-o', 'ppid=,rss=']);
  const children = stdout
    .split('\n')
    .map((line) => line.trim().split(/\s+/).map(Number))
    .filter(([parent]) => parent === pid);
  return Math.max(...children.map(([, kib = 0]) => kib)) / 1024;
}
