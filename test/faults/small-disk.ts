import { execFile } from 'node:child_process';
import { mkdtemp, open, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';

const run = promisify(execFile);
const BLOCK = Buffer.alloc(64 * 1024);

export type SmallDisk = {
  folder: string;
  /** Writes a file until nothing more fits. */
  fill(): Promise<void>;
  free(): Promise<void>;
  close(): Promise<void>;
};

/** A disk in memory that is soon full. Only root may mount one: answers why not otherwise. */
export async function mountSmallDisk(megabytes: number): Promise<SmallDisk | { not: string }> {
  const folder = await mkdtemp(join(tmpdir(), 'hookline-disk-'));
  try {
    await run('mount', ['-t', 'tmpfs', '-o', `size=${megabytes}m`, 'tmpfs', folder]);
  } catch (error) {
    await rm(folder, { recursive: true });
    return {
      not:
        String(error instanceof Error ? error.message : error)
          .trim()
          .split('\n')
          .at(-1) ?? '',
    };
  }
  const filler = join(folder, 'filler');
  return {
    folder,
    async fill() {
      const file = await open(filler, 'a');
      try {
        // What is freed meanwhile is taken too: the last look finds no byte.
        for (;;) await file.write(BLOCK);
      } catch (error) {
        if (!(error instanceof Error && 'code' in error && error.code === 'ENOSPC')) throw error;
      } finally {
        await file.close();
      }
    },
    free: () => rm(filler, { force: true }),
    async close() {
      await run('umount', ['--lazy', folder]);
      await rm(folder, { recursive: true, force: true });
    },
  };
}
