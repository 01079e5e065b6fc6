import { setTimeout as sleep } from 'node:timers/promises';

/**
 * Looks again until `look` answers something, and fails when it never does. The longer it has waited, the longer it waits for the
 * next look: all that looks takes time from what it looks for.
 */
export async function eventually<T>(look: () => Promise<T | undefined | null | false>, timeoutMs = 15_000): Promise<T> {
  const startedAt = Date.now();
  for (;;) {
    const seen = await look();
    if (seen) return seen;
    const waitedMs = Date.now() - startedAt;
    if (waitedMs > timeoutMs) throw new Error(`not seen within ${timeoutMs} ms: ${look.toString()}`);
    await sleep(Math.min(20 + waitedMs / 10, 200));
  }
}
