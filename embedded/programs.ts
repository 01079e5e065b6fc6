import { access, constants, stat } from 'node:fs/promises';
import { join } from 'node:path';

/** Whether a path is a file that this user may run. */
export async function isProgram(file: string): Promise<boolean> {
  try {
    await access(file, constants.X_OK);
    return (await stat(file)).isFile();
  } catch {
    return false;
  }
}

/** The programs of these names in the folders of PATH: by name first, then by folder. */
export async function programsOnPath(folders: string[], names: string[]): Promise<string[]> {
  const files = names.flatMap((name) => folders.map((folder) => join(folder, name)));
  const found = await Promise.all(files.map(isProgram));
  return files.filter((_, index) => found[index]);
}
