import type { Cipher } from '../db/cipher.ts';
import type { Db } from '../db/open.ts';
import { listActiveSigningKeys } from '../db/signing-keys.ts';

/** So long may a worker sign as it did before a rotation. */
const KEPT_MS = 1_000;

/** Secrets of the active keys, newest first, read once per second however many attempts ask. */
export type ReadSigningKeys = () => Promise<string[]>;

export function createReadSigningKeys(from: { db: Db; cipher: Cipher; now: () => Date }): ReadSigningKeys {
  let kept: { atMs: number; secrets: Promise<string[]> } | undefined;
  return () => {
    const at = from.now();
    if (kept && Math.abs(at.getTime() - kept.atMs) < KEPT_MS) return kept.secrets;
    const secrets = readSecrets(from.db, from.cipher, at);
    const reading = { atMs: at.getTime(), secrets };
    kept = reading;
    secrets.catch(() => {
      if (kept === reading) kept = undefined;
    });
    return secrets;
  };
}

async function readSecrets(db: Db, cipher: Cipher, at: Date): Promise<string[]> {
  return (await listActiveSigningKeys(db, cipher, at)).map(({ secret }) => secret);
}
