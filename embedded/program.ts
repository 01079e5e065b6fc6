import { join } from 'node:path';
import { z } from 'zod';
import { startChild } from './child.ts';
import type { Child } from './child.ts';
import { untilReady } from './ready.ts';

const WARN = 40;
const readyMessage = z.object({ type: z.literal('ready') });
const logLine = z.object({
  level: z.number(),
  msg: z.string().default(''),
  err: z.object({ message: z.string() }).optional(),
});

/**
 * Starts `server.ts` or `worker.ts` and resolves when it sends `{ type: 'ready' }` by `process.send`. Its log goes to a file in
 * `dataDir`; `say` gets its warnings and errors, and what it prints that is no log line.
 */
export async function startProgram(options: {
  name: 'server' | 'worker';
  /** The folder of `<name>.ts`. */
  root: string;
  dataDir: string;
  env: NodeJS.ProcessEnv;
  say: (text: string) => void;
  onSpawn: (child: Child) => void;
}): Promise<Child> {
  const { name, root, dataDir, env, say, onSpawn } = options;
  let ready: true | undefined;
  const child = startChild({
    name: `The ${name}`,
    command: [process.execPath, '--import', 'tsx', join(root, `${name}.ts`)],
    cwd: root,
    env,
    logFile: join(dataDir, `${name}.log`),
    onLine: (line) => {
      const text = worthSaying(line);
      if (text) say(`${name}: ${text}`);
    },
    onMessage: (message) => {
      if (readyMessage.safeParse(message).success) ready = true;
    },
  });
  onSpawn(child);
  await untilReady(child, 120_000, () => Promise.resolve(ready));
  return child;
}

/** What a person at the terminal should see of a program's line: warnings and worse, and what is no log line, a crash say. */
export function worthSaying(line: string): string | undefined {
  let value: unknown;
  try {
    value = JSON.parse(line);
  } catch {
    return line.trim() ? line : undefined;
  }
  const parsed = logLine.safeParse(value);
  if (!parsed.success) return line;
  const { level, msg, err } = parsed.data;
  if (level < WARN) return undefined;
  return [...new Set([msg, err?.message])].filter(Boolean).join(': ') || line;
}
