import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmod, mkdtemp, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { takeDataDir } from '../../embedded/data-dir.ts';
import { keepKey, readPorts, writePorts } from '../../embedded/kept-files.ts';

const root = fileURLToPath(new URL('../..', import.meta.url));
let folder: string;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'hookline-data-'));
});
afterEach(() => rm(folder, { recursive: true }));

describe('the data folder', () => {
  it('is one process at a time, and another folder is free', async () => {
    const release = await takeDataDir(folder);
    await expect(takeDataDir(folder)).rejects.toThrow(
      `Hookline already runs with ${folder} (process ${process.pid}). Stop that one, or set HOOKLINE_DATA_DIR to another folder to run a second copy.`,
    );
    await (
      await takeDataDir(join(folder, 'other'))
    )();
    await release();
    await (
      await takeDataDir(folder)
    )();
  });

  it('is free again after SIGKILL', async () => {
    const module = JSON.stringify(pathToFileURL(join(root, 'embedded/data-dir.ts')).href);
    const script = `const { takeDataDir } = await import(${module}); await takeDataDir(${JSON.stringify(folder)}); console.log('taken'); setInterval(() => {}, 1e6);`;
    const holder = spawn(process.execPath, ['--import', 'tsx', '--input-type=module', '-e', script], { cwd: root });
    await once(holder.stdout, 'data');
    await expect(takeDataDir(folder)).rejects.toThrow(`(process ${holder.pid})`);
    holder.kill('SIGKILL');
    await once(holder, 'exit');
    await (
      await takeDataDir(folder)
    )();
  });

  it('is free when its lock is half written', async () => {
    await writeFile(join(folder, 'lock'), '{"pid":');
    await (
      await takeDataDir(folder)
    )();
  });

  it('says so where it can only be read and has the lock of a process that is gone', async () => {
    await writeFile(join(folder, 'lock'), '{}');
    await chmod(folder, 0o555);
    // Root may write there all the same: as nobody it may not.
    const isRoot = process.getuid?.() === 0;
    if (isRoot) process.seteuid?.(65_534);
    try {
      await expect(takeDataDir(folder)).rejects.toThrow(
        `HOOKLINE_DATA_DIR is ${folder}, where nothing can be kept: EACCES`,
      );
    } finally {
      if (isRoot) process.seteuid?.(0);
      await chmod(folder, 0o755);
    }
  });

  it.each(['a-file', 'a-file/below'])('says which variable to change where it cannot be %s', async (place) => {
    await writeFile(join(folder, 'a-file'), '');
    const wrong = resolve(folder, place);
    await expect(takeDataDir(wrong)).rejects.toMatchObject({
      code: 'embedded.failed',
      message: expect.stringMatching(`^HOOKLINE_DATA_DIR is ${wrong}, where nothing can be kept: E.* Set it to `),
    });
  });

  it('keeps keys that only their owner can read', async () => {
    const file = join(folder, 'admin-key');
    const keys = [await keepKey(file, () => 'first'), await keepKey(file, () => 'second')];
    expect([keys, (await stat(file)).mode & 0o777]).toEqual([['first', 'first'], 0o600]);
  });

  it('keeps the ports of the last start', async () => {
    expect(await readPorts(folder)).toEqual({});
    await writePorts(folder, { requestBin: 4311 });
    expect(await readPorts(folder)).toEqual({ requestBin: 4311 });
    await writeFile(join(folder, 'ports.json'), '{"requestBin":');
    expect(await readPorts(folder)).toEqual({});
  });
});
