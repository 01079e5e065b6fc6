// Runs first in `npm start` and `npm test`: installs what is missing. Plain JavaScript without dependencies, because it runs before they exist.
import { spawnSync } from 'node:child_process';
import { cpSync, readdirSync, readFileSync } from 'node:fs';
import process from 'node:process';
import { fileURLToPath } from 'node:url';

const [major = 0, minor = 0] = process.versions.node.split('.').map(Number);
if (major < 20 || (major === 20 && minor < 19)) {
  fail(
    `Hookline needs Node.js 20.19 or newer, and this is ${process.versions.node}. Install a newer one: https://nodejs.org`,
  );
}

// npm's `postinstall`, once `patches/` are applied: a copy says with which.
if (process.argv[2] === 'patched') {
  notePatches();
  process.exit(0);
}

const reason = whatIsMissing();
if (reason) {
  process.stdout.write(`Installing dependencies (${reason}) …\n`);
  // Development dependencies always: without them the next `npm test` would find them missing again.
  const npm = spawnSync('npm', ['ci', '--include=dev', '--no-audit', '--no-fund', '--loglevel=error'], {
    cwd: import.meta.dirname,
    stdio: 'inherit',
    shell: process.platform === 'win32',
  });
  if (npm.error) fail(`npm could not be run: ${npm.error.message}. Put npm on the PATH, then try again.`);
  if (npm.status !== 0) {
    fail(
      `\`npm ci\` failed (${npm.signal ?? `exit code ${npm.status}`}): its messages are above. Check the network, then try again.`,
    );
  }
  if (!isPatched()) applyPatches();
}

/** What `postinstall` does, where npm is told to run no scripts of packages (`ignore-scripts`). */
function applyPatches() {
  const tool = fileURLToPath(new URL('node_modules/patch-package/index.js', import.meta.url));
  const options = { cwd: import.meta.dirname, stdio: 'inherit' };
  const { status } = spawnSync(process.execPath, [tool, '--error-on-fail'], options);
  if (status !== 0)
    fail('The patches could not be applied: the messages are above. Delete node_modules, then try again.');
  notePatches();
}

function notePatches() {
  cpSync(new URL('patches', import.meta.url), new URL('node_modules/.patches', import.meta.url), { recursive: true });
}

function isPatched() {
  return readTexts('patches') === readTexts('node_modules/.patches');
}

/** Compares package-lock.json with the copy of it that npm leaves in node_modules when an installation is complete. */
function whatIsMissing() {
  const wanted = readPackages('package-lock.json');
  const present = readPackages('node_modules/.package-lock.json');
  if (!wanted)
    return fail(
      'package-lock.json is missing or broken: restore it, for example with `git checkout package-lock.json`.',
    );
  if (!present) return 'there are none yet';
  for (const [path, { version, optional }] of Object.entries(wanted)) {
    if (path === '') continue;
    const found = present[path];
    if (found ? found.version !== version : !optional) return 'package-lock.json has changed';
  }
  if (!isPatched()) return 'patches have changed';
  const foreign = Object.values(present).some(
    ({ os, cpu }) => !suits(os, process.platform) || !suits(cpu, process.arch),
  );
  return foreign ? 'those present are for another kind of machine' : undefined;
}

/** npm's `os` and `cpu`: names that are allowed, or with a `!` before them names that are not. */
function suits(names, mine) {
  if (!names) return true;
  return names.some((name) => name.startsWith('!')) ? !names.includes(`!${mine}`) : names.includes(mine);
}

function readPackages(name) {
  try {
    return JSON.parse(readFileSync(new URL(name, import.meta.url), 'utf8')).packages;
  } catch {
    return undefined;
  }
}

function readTexts(folder) {
  try {
    const url = new URL(`${folder}/`, import.meta.url);
    const read = (name) => `${name}\n${readFileSync(new URL(name, url), 'utf8')}`;
    return readdirSync(url).toSorted().map(read).join('');
  } catch {
    return '';
  }
}

function fail(message) {
  process.stderr.write(`${message}\n`);
  process.exit(1);
}
