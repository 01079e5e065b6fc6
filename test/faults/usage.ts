import { readdir, readFile } from 'node:fs/promises';
import { eventually } from '../support/eventually.ts';
import type { TestProcess } from '../support/processes.ts';

/** What a process holds: megabytes of memory, of its main thread's heap after a collection, open files and sockets, active resources. */
export type Usage = { rssMb: number; heapMb: number; files: number; active: number };

/** Of a process that runs with `usage-reporter.js`, on Linux. */
export async function usageOf({ pid, lines }: TestProcess): Promise<Usage> {
  const from = lines.length;
  process.kill(pid, 'SIGUSR2');
  const line = await eventually(async () => lines.slice(from).find((each) => each.startsWith('{"usage"')));
  const { usage } = JSON.parse(line) as { usage: Pick<Usage, 'heapMb' | 'active'> };
  const [status, files] = await Promise.all([readFile(`/proc/${pid}/status`, 'utf8'), readdir(`/proc/${pid}/fd`)]);
  return { rssMb: Number(/^VmRSS:\s+(\d+)/m.exec(status)?.[1] ?? 0) / 1024, files: files.length, ...usage };
}

/** How much a figure grows in each step, by least squares over the second half of all: what comes before is warming up. */
export function growthOf(figures: number[]): number {
  const half = figures.slice(Math.floor(figures.length / 2));
  const middle = (half.length - 1) / 2;
  const mean = half.reduce((sum, each) => sum + each, 0) / half.length;
  const over = half.reduce((sum, each, at) => sum + (at - middle) * (each - mean), 0);
  const under = half.reduce((sum, _, at) => sum + (at - middle) ** 2, 0);
  return under === 0 ? 0 : over / under;
}
