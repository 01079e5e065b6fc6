import { spawnSync } from 'node:child_process';
import { copyFile, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';

let folder: string;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'hookline-install-'));
  await copyFile(fileURLToPath(new URL('../../install.js', import.meta.url)), join(folder, 'install.js'));
  await writeFile(join(folder, 'package.json'), '{"type":"module"}');
  await lock('package-lock.json', {
    'node_modules/a': { version: '1.0.0' },
    'node_modules/b': { version: '1.0.0', optional: true },
  });
});
afterEach(() => rm(folder, { recursive: true }));

async function lock(file: string, packages: Record<string, object>): Promise<void> {
  await writeFile(join(folder, file), JSON.stringify({ packages: { '': { name: 'it' }, ...packages } }));
}

async function installed(packages: Record<string, object>): Promise<void> {
  await mkdir(join(folder, 'node_modules'), { recursive: true });
  await lock('node_modules/.package-lock.json', packages);
}

/** Runs install.js with an npm that only notes how it was called. */
async function install(npmExit = 0): Promise<{ called: string; status: number | null; stderr: string }> {
  await mkdir(join(folder, 'bin'), { recursive: true });
  await writeFile(join(folder, 'bin/npm'), `#!/bin/sh\necho "$@" >> "${folder}/called"\nexit ${npmExit}\n`, {
    mode: 0o755,
  });
  const env = { ...process.env, PATH: `${join(folder, 'bin')}${delimiter}${process.env.PATH}` };
  const { status, stderr } = spawnSync(process.execPath, [join(folder, 'install.js')], { env, encoding: 'utf8' });
  return { called: await readFile(join(folder, 'called'), 'utf8').catch(() => ''), status, stderr };
}

/** A patch-package that only notes how it was called. */
async function patchTool({ exit }: { exit: number }): Promise<void> {
  await mkdir(join(folder, 'node_modules/patch-package'), { recursive: true });
  const note = `require('node:fs').appendFileSync(${JSON.stringify(join(folder, 'called'))}, 'patch ' + process.argv.slice(2) + '\\n')`;
  await writeFile(join(folder, 'node_modules/patch-package/package.json'), '{}');
  await writeFile(join(folder, 'node_modules/patch-package/index.js'), `${note}; process.exit(${exit});`);
}

describe('install.js', () => {
  it('installs what the lock file says where there is nothing yet', async () => {
    expect(await install()).toMatchObject({ called: expect.stringMatching(/^ci /), status: 0 });
  });

  it('does nothing where all is there, optional packages of other machines aside', async () => {
    await installed({ 'node_modules/a': { version: '1.0.0', os: [process.platform], cpu: ['!s390'] } });
    expect(await install()).toEqual({ called: '', status: 0, stderr: '' });
  });

  it('installs again where other patches are to be applied, which then says with which', async () => {
    const packages = { 'node_modules/a': { version: '1.0.0' } };
    await installed(packages);
    await mkdir(join(folder, 'patches'));
    await writeFile(join(folder, 'patches/a+1.0.0.patch'), 'another line');
    expect((await install()).called).toMatch(/^ci /);
    spawnSync(process.execPath, [join(folder, 'install.js'), 'patched']);
    await rm(join(folder, 'called'));
    expect((await install()).called).toBe('');
  });

  it('applies the patches where npm runs no scripts, and does nothing the next time', async () => {
    await mkdir(join(folder, 'patches'));
    await writeFile(join(folder, 'patches/a+1.0.0.patch'), 'a line');
    await patchTool({ exit: 0 });
    expect((await install()).called).toMatch(/^ci .*\npatch --error-on-fail\n$/);
    await installed({ 'node_modules/a': { version: '1.0.0' } });
    await rm(join(folder, 'called'));
    expect(await install()).toEqual({ called: '', status: 0, stderr: '' });
  });

  it('fails where a patch does not fit, each time anew', async () => {
    await mkdir(join(folder, 'patches'));
    await writeFile(join(folder, 'patches/a+1.0.0.patch'), 'a line');
    await patchTool({ exit: 1 });
    for (const _ of [1, 2]) {
      const { status, stderr } = await install();
      expect([status, stderr]).toEqual([
        1,
        'The patches could not be applied: the messages are above. Delete node_modules, then try again.\n',
      ]);
    }
  });

  it.each([
    ['another version', { 'node_modules/a': { version: '0.9.0' } }],
    ['a package missing', { 'node_modules/b': { version: '1.0.0' } }],
    [
      'packages of another system',
      { 'node_modules/a': { version: '1.0.0' }, 'node_modules/b': { version: '1.0.0', os: ['plan9'] } },
    ],
  ])('installs again over %s', async (_, packages) => {
    await installed(packages);
    expect((await install()).called).toMatch(/^ci /);
  });

  it('fails with what to do when npm fails', async () => {
    const { status, stderr } = await install(5);
    expect([status, stderr]).toEqual([
      1,
      '`npm ci` failed (exit code 5): its messages are above. Check the network, then try again.\n',
    ]);
  });
});
