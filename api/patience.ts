import { setImmediate } from 'node:timers/promises';
import { HooklineError } from '../domain/errors.ts';

/** To be called again and again in long work: lets other requests have their turn, and gives up after the time. */
export function patience(ms: number, message: string): () => Promise<void> {
  const end = performance.now() + ms;
  return async () => {
    await setImmediate();
    if (performance.now() >= end) throw new HooklineError('render.too_large', message);
  };
}
