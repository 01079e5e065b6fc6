import { readdir, readFile } from 'node:fs/promises';
import { eventually } from '../support/eventually.ts';
import type { TestProcess } from '../support/processes.ts';

/**
 * What a process holds: megabytes of resident memory without what only mirrors files, and of its main thread's heap after a collection;
 * open files and sockets; active resources.
 */
export type Usage = { rssMb: number; heapMb: number; files: number; active: number };

/** Of a process that runs with `usage-reporter.js`, on Linux. */
export async function usageOf({ pid, lines }: TestProcess): Promise<Usage> {
  const from = lines.length;
  process.kill(pid, 'SIGUSR2');
  const line = await eventually(async () => lines.slice(from).find((each) => each.startsWith('{"usage"')));
  const { usage } = JSON.parse(line) as { usage: Pick<Usage, 'heapMb' | 'active'> };
  const [status, files] = await Promise.all([readFile(`/proc/${pid}/status`, 'utf8'), readdir(`/proc/${pid}/fd`)]);
  return { rssMb: Number(/^RssAnon:\s+(\d+)/m.exec(status)?.[1] ?? 0) / 1024, files: files.length, ...usage };
}

/**
 * How much a figure surely grows in each step, over the second half of all: what comes before is warming up. The least that the slope
 * (by least squares) may be in truth, two standard errors below what it looks like: what goes up and down is no growth.
 */
export function sureGrowthOf(figures: number[]): number {
  const half = figures.slice(Math.floor(figures.length / 2));
  if (half.length < 3) return 0;
  const sum = (valueAt: (each: number, at: number) => number) =>
    half.reduce((total, each, at) => total + valueAt(each, at), 0);
  const middle = (half.length - 1) / 2;
  const mean = sum((each) => each) / half.length;
  const spread = sum((_, at) => (at - middle) ** 2);
  const slope = sum((each, at) => (at - middle) * (each - mean)) / spread;
  const scatter = sum((each, at) => (each - mean - slope * (at - middle)) ** 2) / (half.length - 2);
  return slope - 2 * Math.sqrt(scatter / spread);
}
