import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { npmStart } from '../support/npm-start.ts';

/** The version of schemathesis, from PyPI, in an environment of its own. */
const VERSION = '4.32.5';
const SECONDS = 60;
const KEY = 'contract-admin-key-0123456789';

/** What any answer has to be, whatever is sent: none of ours is a 500, and each is as `/openapi.json` says. */
const CHECKS = [
  'not_a_server_error',
  'status_code_conformance',
  'content_type_conformance',
  'response_headers_conformance',
  'response_schema_conformance',
  'ignored_auth',
];

const hookline = fileURLToPath(new URL('../../.hookline', import.meta.url));
const home = join(hookline, `schemathesis-${VERSION}`);

/** Runs a program with our output, where it may leave files. Answers its exit code. */
async function run(program: string, args: string[]): Promise<number> {
  const child = spawn(program, args, { stdio: 'inherit', cwd: hookline });
  const [code]: unknown[] = await once(child, 'exit');
  return typeof code === 'number' ? code : 1;
}

async function install(): Promise<void> {
  if (existsSync(join(home, 'bin', 'schemathesis'))) return;
  const failed =
    (await run('python3', ['-m', 'venv', home])) ||
    (await run(join(home, 'bin', 'pip'), ['install', '--quiet', `schemathesis==${VERSION}`]));
  if (failed) throw new Error('schemathesis could not be installed: it needs Python 3.10 or newer with pip and venv');
}

await mkdir(hookline, { recursive: true });
await install();
const dataDir = await mkdtemp(join(hookline, 'contract-'));
const started = await npmStart(dataDir, { HOOKLINE_ADMIN_KEY: KEY });
const code = await run(join(home, 'bin', 'schemathesis'), [
  'run',
  `${started.url}/openapi.json`,
  ...['--header', `Authorization: Bearer ${KEY}`],
  ...['--checks', CHECKS.join(',')],
  ...['--phases', 'examples,coverage,fuzzing'],
  ...['--max-time', String(SECONDS)],
  ...['--exclude-path-regex', '^/docs'],
  // Python's own parser stumbles where several threads read deep schemas.
  ...['--workers', '1'],
  ...['--request-timeout', '20'],
  '--no-shrink',
  '--continue-on-failure',
  ...['--warnings', 'off'],
]);
await started.signal('SIGTERM', 'group');
await rm(dataDir, { recursive: true, force: true });
process.exit(code);
