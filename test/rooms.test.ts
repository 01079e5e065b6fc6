import { execFile } from 'node:child_process';
import { cp, mkdir, mkdtemp, readdir, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { beforeAll, describe, expect, it } from 'vitest';

type Plant = { file: string; source: string; rule: string; says: string };
type Diagnostic = { code: string; message: string; help?: string; filename: string };

const imports = 'eslint(no-restricted-imports)';
const value = (specifier: string) => `import { x } from '${specifier}';\nexport const y = x;\n`;
const type = (specifier: string) => `import type { X } from '${specifier}';\nexport type Y = X;\n`;
const plant = (file: string, source: string, rule: string, says: string): Plant => ({ file, source, rule, says });

/** One fault per file; `says` is a part of what the linter must answer, so that a ban cannot lose its reason. */
const plants: Plant[] = [
  plant('domain/a-db.ts', value('../db/people.ts'), imports, 'imports no other room'),
  plant('domain/a-db-type.ts', type('../db/people.ts'), imports, 'imports no other room'),
  plant('domain/deep/a-config.ts', value('../../config.ts'), imports, 'imports no other room'),
  plant('domain/a-undici.ts', value('undici'), imports, 'domain is pure'),
  plant('domain/a-node.ts', value('node:fs'), imports, 'domain is pure'),
  plant('domain/a-lazy.ts', `export const x = import('pino');\n`, imports, 'domain is pure'),
  plant(
    'domain/a-uuid.ts',
    `import { randomUUID } from 'node:crypto';\nexport const id = randomUUID();\n`,
    imports,
    'draw random bytes',
  ),
  plant('domain/a-now.ts', 'export const at = Date.now();\n', 'eslint(no-restricted-properties)', 'no clock'),
  plant(
    'domain/a-temporal-now.ts',
    `import { Temporal } from 'temporal-polyfill';\nexport const at = Temporal.Now.instant();\n`,
    'eslint(no-restricted-properties)',
    'no clock',
  ),
  plant('domain/a-random.ts', 'export const n = Math.random();\n', 'eslint(no-restricted-properties)', 'no randomness'),
  plant(
    'domain/a-crypto.ts',
    'export const id = crypto.randomUUID();\n',
    'eslint(no-restricted-globals)',
    'no randomness',
  ),
  plant(
    'domain/a-fetch.ts',
    `export const answer = (url: URL) => fetch(url);\n`,
    'eslint(no-restricted-globals)',
    'no I/O',
  ),
  plant(
    'domain/a-performance.ts',
    'export const at = performance.now();\n',
    'eslint(no-restricted-globals)',
    'no clock',
  ),
  plant(
    'domain/a-timer.ts',
    'export const t = (f: () => void) => setTimeout(f, 1);\n',
    'eslint(no-restricted-globals)',
    'no timers',
  ),

  plant('workflows/b-db.ts', type('../db/people.ts'), imports, 'workflows must replay'),
  plant('workflows/b-config.ts', value('../config.ts'), imports, 'workflows must replay'),
  plant('workflows/b-activities.ts', value('../activities/index.ts'), imports, 'activities by type only'),
  plant('workflows/b-template.ts', value('../domain/template.ts'), imports, 'everything else by type'),
  plant(
    'workflows/b-side-effect.ts',
    `import { type Z } from 'zod';\nexport type Y = Z;\n`,
    'typescript(no-import-type-side-effects)',
    'side effect import',
  ),
  plant('workflows/b-zod.ts', value('zod'), imports, 'everything else by type'),
  plant('workflows/b-client.ts', value('@temporalio/client'), imports, 'everything else by type'),
  plant('workflows/b-node.ts', value('node:crypto'), imports, 'everything else by type'),

  plant(
    'activities/c-workflows.ts',
    value('../workflows/messages.ts'),
    imports,
    'activities import domain and db only',
  ),
  plant('activities/c-config.ts', type('../config.ts'), imports, 'activities import domain and db only'),
  plant('activities/c-client.ts', value('@temporalio/client'), imports, 'hold no Temporal client'),

  plant('relay/d-activities.ts', type('../activities/index.ts'), imports, 'does not send'),
  plant('relay/d-journey.ts', value('../workflows/journey.ts'), imports, 'relay imports workflows/messages.ts'),
  plant('relay/d-undici.ts', value('undici'), imports, 'rendering and sending are in activities'),

  plant('db/e-relay.ts', value('../relay/relay.ts'), imports, 'db keeps things'),
  plant('db/e-domain.ts', value('../domain/template.ts'), imports, 'db knows domain by type only'),
  plant('db/schema/e-domain.ts', value('../../domain/template.ts'), imports, 'db knows domain by type only'),
  plant('db/e-zod.ts', value('zod'), imports, 'db speaks to Postgres only'),

  plant('api/f-activities.ts', type('../activities/index.ts'), imports, 'it stores what is asked'),
  plant('api/routes/f-relay.ts', value('../../relay/relay.ts'), imports, 'it stores what is asked'),
  plant('api/f-journey.ts', value('../workflows/journey.ts'), imports, 'api imports workflows/messages.ts'),
  plant('api/f-client.ts', value('@temporalio/client'), imports, 'api writes to Postgres only'),
  plant('api/f-drizzle.ts', value('drizzle-orm'), imports, 'named queries of db'),
  plant('api/f-drizzle-deep.ts', value('drizzle-orm/pg-core'), imports, 'named queries of db'),
  plant('api/f-undici.ts', value('undici'), imports, 'api sends nothing'),
  plant('api/f-bench.ts', value('../bench/run.ts'), imports, 'it stores what is asked'),
  plant('api/f-embedded.ts', value('../embedded/postgres.ts'), imports, 'it stores what is asked'),

  plant('embedded/g-db.ts', value('../db/open.ts'), imports, 'embedded starts servers'),
  plant('embedded/g-config.ts', value('../config.ts'), imports, 'config.ts by type only'),

  plant('config.ts', value('./db/open.ts'), imports, 'config.ts only reads the environment'),
  plant('server.ts', value('./embedded/postgres.ts'), imports, `server.ts is the API's process`),
  plant('worker.ts', value('./api/app.ts'), imports, `worker.ts is the worker's`),

  plant('start.ts', 'export const port = process.env.PORT;\n', 'node(no-process-env)', 'process.env'),
  plant('bench/h-console.ts', `console.log('x');\n`, 'eslint(no-console)', 'console'),
  plant('bench/h-long.ts', '// a line\n'.repeat(300) + 'export const x = 1;\n', 'eslint(max-lines)', '300'),
  plant('bench/h-default.ts', 'export default 1;\n', 'import(no-default-export)', 'default'),
  plant('bench/hName.ts', 'export const x = 1;\n', 'unicorn(filename-case)', 'kebab'),
  plant('bench/h-any.ts', 'export const x: any = 1;\n', 'typescript(no-explicit-any)', 'any'),
  plant('bench/h-bang.ts', 'export const x = (a?: string) => a!;\n', 'typescript(no-non-null-assertion)', 'non-null'),
  plant(
    'bench/h-interface.ts',
    'export interface X {\n  a: 1;\n}\n',
    'typescript(consistent-type-definitions)',
    'type',
  ),
  plant(
    'bench/h-cycle.ts',
    `import { y } from './h-cycle-good.ts';\nexport const x = (): number => y();\n`,
    'import(no-cycle)',
    'cycle',
  ),
  plant(
    'bench/h-float.ts',
    'const f = async () => 1;\nexport const g = () => {\n  f();\n};\n',
    'typescript(no-floating-promises)',
    'await',
  ),
  plant(
    'bench/h-misuse.ts',
    'export const x = (a: Promise<boolean>) => (a ? 1 : 2);\n',
    'typescript(no-misused-promises)',
    'Promise',
  ),
  plant(
    'bench/h-switch.ts',
    `export const f = (a: 'b' | 'c') => {\n  switch (a) {\n    case 'b':\n      return 1;\n  }\n  return 2;\n};\n`,
    'typescript(switch-exhaustiveness-check)',
    '"c"',
  ),
  plant(
    'test/i-only.test.ts',
    `import { it } from 'vitest';\nit.only('is alone', () => {});\n`,
    'vitest(no-focused-tests)',
    'focus',
  ),
  plant(
    'test/i-skip.test.ts',
    `import { it } from 'vitest';\nit.skip('is left out', () => {});\n`,
    'vitest(no-disabled-tests)',
    'isabled',
  ),
];

/** What the rooms may do, so that no ban reaches too far. */
const good: Record<string, string> = {
  'domain/z.ts': value('zod') + `export { Liquid } from 'liquidjs';\nexport const at = (ms: number) => new Date(ms);\n`,
  'domain/deep/z.ts': value('../walk.ts'),
  'domain/z-hash.ts': `import { createHash } from 'node:crypto';\nexport const h = createHash('sha256');\n`,
  'workflows/z.ts': value('../domain/walk.ts') + `export { HooklineError } from '../domain/errors.ts';\n`,
  'workflows/z-types.ts':
    type('../domain/template.ts') + `export type { Z } from 'zod';\nexport type { A } from '../activities/index.ts';\n`,
  'workflows/z-own.ts':
    value('@temporalio/workflow') + `export { m } from './messages.ts';\nexport { c } from '@temporalio/common';\n`,
  'activities/z.ts':
    value('../db/people.ts') + `export { request } from 'undici';\nexport { t } from '../domain/template.ts';\n`,
  'relay/z.ts':
    value('@temporalio/client') +
    `export { m } from '../workflows/messages.ts';\nexport type { J } from '../workflows/journey.ts';\n`,
  'db/schema/z.ts':
    type('../../domain/template.ts') +
    `export { E } from '../../domain/errors.ts';\nexport { c } from '../columns.ts';\n`,
  'api/routes/z.ts':
    value('../../db/people.ts') +
    `export { m } from '../../workflows/messages.ts';\nexport { t } from '../../domain/template.ts';\n`,
  'embedded/z.ts': type('../config.ts') + `export { E } from '../domain/errors.ts';\n`,
  'test/z.ts': 'export const home = process.env.HOME;\n',
  'z.config.ts': 'export default {};\n',
};

const noted = new Map<string, Diagnostic[]>();

beforeAll(async () => {
  const root = process.cwd();
  const tree = await mkdtemp(join(tmpdir(), 'hookline-rooms-'));
  for (const file of ['.oxlintrc.json', 'tsconfig.json']) await cp(join(root, file), join(tree, file));
  await symlink(join(root, 'node_modules'), join(tree, 'node_modules'));
  const cycle = `import { x } from './h-cycle.ts';\nexport const y = (): number => x();\n`;
  const files = {
    ...good,
    'bench/h-cycle-good.ts': cycle,
    ...Object.fromEntries(plants.map((p) => [p.file, p.source])),
  };
  for (const [file, source] of Object.entries(files)) {
    await mkdir(dirname(join(tree, file)), { recursive: true });
    await writeFile(join(tree, file), source);
  }
  // oxlint leaves with 1 when it finds something, so the answer is on the error too.
  const { stdout } = await promisify(execFile)(join(root, 'node_modules/.bin/oxlint'), ['-f', 'json'], {
    cwd: tree,
    maxBuffer: 64 * 1024 * 1024,
  }).catch((error: { stdout: string }) => error);
  const { diagnostics } = JSON.parse(stdout) as { diagnostics: Diagnostic[] };
  for (const each of diagnostics) noted.set(each.filename, [...(noted.get(each.filename) ?? []), each]);
  await rm(tree, { recursive: true });
});

describe('the linter', () => {
  it.each(plants)('finds the fault in $file', ({ file, rule, says }) => {
    const found = noted.get(file) ?? [];
    expect(found.map((each) => each.code)).toEqual([rule]);
    expect(`${found[0]?.message} ${found[0]?.help}`).toContain(says);
  });

  it.each(Object.keys(good))('has nothing against %s', (file) => {
    expect(noted.get(file) ?? []).toEqual([]);
  });
});

/** The linter cannot tell `new Date()` from `new Date(ms)`; this can. */
const readsClock = (source: string) => /\bnew Date(?!\w|\s*\(\s*[^\s)])|(?<!new )\bDate\(/.test(source);

describe('domain', () => {
  it.each(['new Date()', 'new Date( )', 'new Date;', 'Date()'])(
    'would be caught reading the clock with %s',
    (source) => {
      expect(readsClock(source)).toBe(true);
    },
  );

  it.each(['new Date(ms)', 'new Date(\n  text,\n)', 'type A = { at: Date }', 'new DateRange()'])(
    'may write %s',
    (source) => {
      expect(readsClock(source)).toBe(false);
    },
  );

  it('never asks what time it is', async () => {
    const files = (await readdir('domain', { recursive: true })).filter((name) => name.endsWith('.ts'));
    const readers = [];
    for (const file of files) if (readsClock(await readFile(join('domain', file), 'utf8'))) readers.push(file);
    expect(files).not.toEqual([]);
    expect(readers).toEqual([]);
  });
});
