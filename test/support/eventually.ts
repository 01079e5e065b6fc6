import { setTimeout as sleep } from 'node:timers/promises';

/** Looks again until `look` answers something, and fails with what it last saw when it never does. */
export async function eventually<T>(look: () => Promise<T | undefined | null | false>, timeoutMs = 15_000): Promise<T> {
  const end = Date.now() + timeoutMs;
  for (;;) {
    const seen = await look();
    if (seen) return seen;
    if (Date.now() > end) throw new Error(`not seen within ${timeoutMs} ms: ${look.toString()}`);
    await sleep(30);
  }
}
