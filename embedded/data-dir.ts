import { randomBytes } from 'node:crypto';
import { mkdir, rename, rm, stat, writeFile } from 'node:fs/promises';
import { connect, createServer } from 'node:net';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { z } from 'zod';
import { HooklineError } from '../domain/errors.ts';
import { listenHere, portOf } from './free-port.ts';
import { readJson } from './kept-files.ts';

const lockSchema = z.object({ pid: z.number(), port: z.number(), token: z.string() });
type Lock = z.output<typeof lockSchema>;

/**
 * Makes the folder and takes it for this process alone; resolves to what gives it back.
 * @throws HooklineError `embedded.failed` where it cannot be made, another user made it, or another process has it.
 */
export async function takeDataDir(folder: string): Promise<() => Promise<void>> {
  try {
    await mkdir(folder, { recursive: true, mode: 0o711 });
    const { uid } = await stat(folder);
    const me = process.getuid?.() ?? uid;
    if (uid !== me) {
      const message = `${folder} belongs to user ${uid}, but this runs as user ${me}. Run it as that user, or delete the folder, or set HOOKLINE_DATA_DIR to another.`;
      throw new HooklineError('embedded.failed', message);
    }
    return await lock(join(folder, 'lock'), folder);
  } catch (cause) {
    if (cause instanceof HooklineError) throw cause;
    const why = cause instanceof Error ? cause.message : String(cause);
    const message = `HOOKLINE_DATA_DIR is ${folder}, where nothing can be kept: ${why}. Set it to a folder that can be made and written to.`;
    throw new HooklineError('embedded.failed', message, { cause });
  }
}

/**
 * A process id alone may since have passed to another program, so who holds the lock answers with its token on a port.
 * Postgres has a lock of its own behind this one.
 */
async function lock(file: string, folder: string): Promise<() => Promise<void>> {
  const token = randomBytes(16).toString('hex');
  const server = createServer((socket) => socket.on('error', () => {}).end(token));
  await listenHere(server, 0);
  server.unref();
  const mine: Lock = { pid: process.pid, port: portOf(server), token };
  for (;;) {
    try {
      await writeFile(file, JSON.stringify(mine), { flag: 'wx' });
      break;
    } catch (error) {
      if (!hasCode(error, 'EEXIST')) throw error;
    }
    const theirs = await readLock(file);
    if (theirs && (await answers(theirs))) {
      server.close();
      const message = `Hookline already runs with ${folder} (process ${theirs.pid}). Stop that one, or set HOOKLINE_DATA_DIR to another folder to run a second copy.`;
      throw new HooklineError('embedded.failed', message);
    }
    const stale = `${file}.${token}`;
    await rename(file, stale).catch((error: unknown) => {
      // Another process was faster.
      if (!hasCode(error, 'ENOENT')) throw error;
    });
    await rm(stale, { force: true });
  }
  return async () => {
    server.close();
    if ((await readLock(file))?.token === token) await rm(file, { force: true });
  };
}

const hasCode = (error: unknown, code: string): boolean =>
  error instanceof Error && 'code' in error && error.code === code;

async function readLock(file: string): Promise<Lock | undefined> {
  for (let attempt = 0; attempt < 5; attempt++) {
    const read = await readJson(file, lockSchema);
    if (read) return read;
    // Another may be between creating the file and writing to it.
    await pause(20);
  }
  return undefined;
}

async function answers({ port, token }: Lock): Promise<boolean> {
  const socket = connect({ port, host: '127.0.0.1', timeout: 2_000 });
  socket.on('timeout', () => socket.destroy(new Error('no answer')));
  try {
    let text = '';
    for await (const chunk of socket) text += String(chunk);
    return text === token;
  } catch {
    return false;
  }
}
