import { mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, relative } from 'node:path';
import { bundleWorkflowCode, DefaultLogger } from '@temporalio/worker';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

const root = process.cwd();
const marker = '//# sourceMappingURL=';
const bareSource = `import { sleep } from '@temporalio/workflow';\nexport const bare = () => sleep(1);\n`;

type Bundle = Awaited<ReturnType<typeof bundle>>;
let scratch: string;
let ours: Bundle;
let bare: Bundle;

beforeAll(async () => {
  scratch = await mkdtemp(join(tmpdir(), 'hookline-bundle-'));
  await symlink(join(root, 'node_modules'), join(scratch, 'node_modules'));
  ours = await bundle(join(root, 'workflows/index.ts'));
  bare = await bundlePlanted('bare.ts', bareSource);
});

afterAll(() => rm(scratch, { recursive: true }));

/** What the sandbox loads for the workflows in `workflowsPath`: bytes without the source map, packages, files of this repository. */
async function bundle(workflowsPath: string) {
  const { code } = await bundleWorkflowCode({ workflowsPath, logger: new DefaultLogger('ERROR') });
  const end = code.lastIndexOf(marker);
  const map = Buffer.from(code.slice(code.indexOf('base64,', end) + 'base64,'.length), 'base64').toString();
  const { sources } = JSON.parse(map) as { sources: string[] };
  const packages = sources.flatMap((source) => /.*node_modules\/((?:@[^/]+\/)?[^/]+)/.exec(source)?.[1] ?? []);
  return {
    bytes: Buffer.byteLength(code.slice(0, end)),
    packages: [...new Set(packages)].toSorted(),
    files: sources.filter((source) => !source.includes('node_modules/')).map((source) => relative(root, source)),
  };
}

async function bundlePlanted(name: string, source: string) {
  const file = join(scratch, name);
  await writeFile(file, source);
  return bundle(file);
}

describe('the workflow bundle', () => {
  it('holds no package but the SDK and what that brings', () => {
    expect(bare.packages).toContain('@temporalio/workflow');
    expect(ours.packages.filter((name) => !bare.packages.includes(name))).toEqual([]);
  });

  it('holds files of workflows and domain only', () => {
    const strangers = /^(activities|relay|db|api|embedded|bench|test)\/|^[\w.-]+\.[jt]s$/;
    expect(ours.files).toContain('workflows/index.ts');
    expect(ours.files.filter((file) => strangers.test(file))).toEqual([]);
  });

  it('adds less than 100 KB to the bare SDK, because each cached workflow pays for it', () => {
    expect(ours.bytes - bare.bytes).toBeLessThan(100_000);
  });

  it('would show zod, and what it weighs, if a workflow imported it', async () => {
    const source = `import { z } from 'zod';\nexport const f = async () => z.string().parse('');\n`;
    const planted = await bundlePlanted('planted.ts', source);
    expect(planted.packages).toContain('zod');
    expect(planted.bytes - bare.bytes).toBeGreaterThan(100_000);
  });

  it('would show a file of db if a workflow imported one', async () => {
    const source = `import * as x from '${join(root, 'db/columns.ts')}';\nexport const f = async () => x;\n`;
    const planted = await bundlePlanted('planted-db.ts', source);
    expect(planted.files).toContain('db/columns.ts');
  });
});
