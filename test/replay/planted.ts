import { cp, mkdtemp, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { bundleWorkflowCode, DefaultLogger } from '@temporalio/worker';

/** A change of the workflows, or of the walk, that workflows which are under way would not survive. */
export type Planted = {
  what: string;
  file: 'workflows/journey.ts' | 'workflows/sending.ts' | 'workflows/broadcast.ts' | 'domain/walk.ts';
  from: string;
  to: string;
};

/** One bundle in which each workflow is there once for each change, under its name and the number of the change. */
export async function bundlePlanted(changes: Planted[]): Promise<{ code: string }> {
  const scratch = await mkdtemp(join(tmpdir(), 'hookline-planted-'));
  try {
    await symlink(join(process.cwd(), 'node_modules'), join(scratch, 'node_modules'));
    await Promise.all(changes.map((change, number) => plant(join(scratch, String(number)), change)));
    const lines = changes.map(
      (_, number) =>
        `export { journey as journey${number}, delivery as delivery${number}, broadcast as broadcast${number} } from './${number}/workflows/index.ts';`,
    );
    await writeFile(join(scratch, 'index.ts'), lines.join('\n'));
    return await bundleWorkflowCode({ workflowsPath: join(scratch, 'index.ts'), logger: new DefaultLogger('ERROR') });
  } finally {
    await rm(scratch, { recursive: true });
  }
}

async function plant(folder: string, { file, from, to, what }: Planted): Promise<void> {
  await cp('workflows', join(folder, 'workflows'), { recursive: true });
  await cp('domain/walk.ts', join(folder, 'domain/walk.ts'));
  const source = await readFile(join(folder, file), 'utf8');
  if (source.split(from).length !== 2) throw new Error(`${file} has not exactly one place for the change "${what}"`);
  await writeFile(
    join(folder, file),
    source.replace(from, () => to),
  );
}
