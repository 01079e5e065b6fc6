import { closeSync, fstatSync, openSync, readSync, renameSync } from 'node:fs';

/** Puts the log of the run before aside as `<file>.1`, so that a log tells of one run and two at most are kept. */
export function rotateLog(file: string): void {
  try {
    renameSync(file, `${file}.1`);
  } catch {
    // There is none yet.
  }
}

/** The last `count` lines of a log, at most 16 KiB; nothing where it cannot be read. */
export function lastLines(file: string, count: number): string {
  let handle: number | undefined;
  try {
    handle = openSync(file, 'r');
    const { size } = fstatSync(handle);
    const buffer = Buffer.alloc(Math.min(size, 16_384));
    readSync(handle, buffer, 0, buffer.length, size - buffer.length);
    return buffer.toString('utf8').trimEnd().split('\n').slice(-count).join('\n');
  } catch {
    return '';
  } finally {
    if (handle !== undefined) closeSync(handle);
  }
}
