import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';

/** The key in a file, made at the first start: readable by its owner alone. */
export async function keepKey(file: string, make: () => string): Promise<string> {
  const kept = (await readFile(file, 'utf8').catch(() => '')).trim();
  if (kept) return kept;
  const key = make();
  await writeFile(file, `${key}\n`, { mode: 0o600 });
  return key;
}

const portsSchema = z.object({ requestBin: z.number(), temporalUi: z.number() }).partial();

/** The ports of the last start, so that addresses that people noted or requests hold stay valid. */
export type KeptPorts = z.output<typeof portsSchema>;

/** The ports of the last start; none where there was none. */
export async function readPorts(folder: string): Promise<KeptPorts> {
  return (await readJson(join(folder, 'ports.json'), portsSchema)) ?? {};
}

/** Keeps the ports for the next start. */
export async function writePorts(folder: string, ports: KeptPorts): Promise<void> {
  await writeFile(join(folder, 'ports.json'), `${JSON.stringify(ports)}\n`);
}

/** What a JSON file holds, or undefined where it is missing, half written, or something else. */
export async function readJson<T>(file: string, schema: z.ZodType<T>): Promise<T | undefined> {
  try {
    return schema.parse(JSON.parse(await readFile(file, 'utf8')));
  } catch {
    return undefined;
  }
}
