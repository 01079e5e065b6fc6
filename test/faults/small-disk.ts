import { execFile } from 'node:child_process';
import { open, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';

const run = promisify(execFile);
const BLOCK = Buffer.alloc(4 * 1024);

export type SmallDisk = {
  /** Why there is none: only root may mount one. */
  not?: string;
  /** Writes a file until nothing more fits. */
  fill(): Promise<void>;
  free(): Promise<void>;
  unmount(): Promise<void>;
};

/** Mounts a disk in memory at a folder. */
export async function mountSmallDisk(folder: string, megabytes: number): Promise<SmallDisk> {
  const not = await run('mount', ['-t', 'tmpfs', '-o', `size=${megabytes}m,mode=711`, 'tmpfs', folder]).then(
    () => undefined,
    (error: unknown) => String(error instanceof Error ? error.message : error),
  );
  const filler = join(folder, 'filler');
  return {
    ...(not !== undefined && { not: not.trim().split('\n').at(-1) ?? not }),
    async fill() {
      const file = await open(filler, 'a');
      try {
        for (;;) await file.write(BLOCK);
      } catch (error) {
        if (!(error instanceof Error && 'code' in error && error.code === 'ENOSPC')) throw error;
      } finally {
        await file.close();
      }
    },
    free: () => rm(filler, { force: true }),
    async unmount() {
      if (not === undefined) await run('umount', ['--lazy', folder]);
    },
  };
}
