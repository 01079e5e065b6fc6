import type { HooklineError } from '../domain/errors.ts';
import type { Child } from './child.ts';
import { endedError } from './ready.ts';

/** The processes of one `npm start`, which begin one by one and end together. */
export type Processes = {
  /** Takes note of a process for `stop`: programs end before the servers that they use. Ends it at once where all are stopping. */
  add: (child: Child, kind: 'program' | 'server') => void;
  /** From now on its end fails `failed`. */
  watch: (child: Child) => void;
  /** Never resolves; rejects with the reason when a watched process ends by itself. */
  failed: Promise<never>;
  /** Ends all, within 10 s. */
  stop: () => Promise<void>;
};

export function createProcesses(): Processes {
  const children = { program: new Set<Child>(), server: new Set<Child>() };
  let stopping: Promise<void> | undefined;
  let fail: (reason: HooklineError) => void = () => {};
  const failed = new Promise<never>((_, reject) => (fail = reject));
  failed.catch(() => {});

  const stopAll = async (): Promise<void> => {
    await Promise.all([...children.program].map((child) => child.stop()));
    await Promise.all([...children.server].map((child) => child.stop()));
  };
  return {
    add: (child, kind) => {
      children[kind].add(child);
      if (stopping) void child.stop();
    },
    watch: (child) => {
      void child.exited.then((exit) => {
        if (!stopping) fail(endedError(child, exit));
      });
    },
    failed,
    stop: () => (stopping ??= stopAll()),
  };
}
