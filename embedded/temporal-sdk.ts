import { mkdir, readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { startChild } from './child.ts';
import { lastLines } from './log-file.ts';
import { isProgram } from './programs.ts';
import type { FindOptions, Tool } from './temporal-binary.ts';

/** In a process of its own, because the SDK's download cannot be cancelled: it is stopped when nothing arrives for `stallMs`. */
export async function downloadBySdk(tool: Tool, folder: string, options: FindOptions): Promise<string> {
  const into = join(folder, 'sdk');
  await mkdir(into);
  const logFile = join(folder, 'sdk.log');
  const script = fileURLToPath(new URL('temporal-sdk-download.ts', import.meta.url));
  const child = startChild({
    name: "The SDK's download",
    command: [process.execPath, '--import', 'tsx', script, tool.download, into],
    cwd: fileURLToPath(new URL('..', import.meta.url)),
    logFile,
    killAfterMs: 1_000,
  });
  options.onSpawn?.(child);
  const stallMs = options.stallMs ?? 20_000;
  let [size, since, stalled] = [0, performance.now(), false];
  const look = async (): Promise<void> => {
    const now = await sizeOf(into).catch(() => size);
    if (now !== size) [size, since] = [now, performance.now()];
    stalled = performance.now() - since > stallMs;
    if (stalled) await child.stop();
  };
  const watch = setInterval(() => void look(), Math.min(stallMs, 500));
  const exit = await child.exited;
  clearInterval(watch);
  for (const name of await readdir(into))
    if (exit.code === 0 && (await isProgram(join(into, name)))) return join(into, name);
  throw new Error(
    `the SDK's own download: ${stalled ? `nothing arrived for ${stallMs / 1000} s` : lastLines(logFile, 1).slice(0, 300)}`,
  );
}

async function sizeOf(folder: string): Promise<number> {
  const sizes = (await readdir(folder)).map(async (name) => (await stat(join(folder, name))).size);
  return (await Promise.all(sizes)).reduce((sum, size) => sum + size, 0);
}
