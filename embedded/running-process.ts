import { execFile } from 'node:child_process';
import { readFile, stat } from 'node:fs/promises';
import { promisify } from 'node:util';

/** The command line of a running process, or undefined where none has this id. From /proc, otherwise from `ps`. */
export async function commandOf(pid: number): Promise<string | undefined> {
  if (await stat('/proc/self').catch(() => undefined)) {
    const words = await readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => '');
    return words.replaceAll('\0', ' ').trim() || undefined;
  }
  const listed = await promisify(execFile)('ps', ['-p', String(pid), '-o', 'args=']).catch(() => undefined);
  return listed?.stdout.trim() || undefined;
}
