export type Loop = {
  /** There may be work: look now, or again once the present look is over. */
  wake(): void;
  /** Ends after the present look. */
  stop(): Promise<void>;
};

/**
 * Looks for work when woken and at least every `pollMs`; goes on at once while there is some. `look` answers how much it did;
 * when it throws, `onError` hears of it and the next look waits `pollMs`.
 */
export function startLoop(options: {
  look: () => Promise<number>;
  pollMs: number;
  onError: (error: unknown) => void;
}): Loop {
  let stopped = false;
  let woken = true;
  let endPause = () => {};

  const pause = () =>
    new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, options.pollMs);
      endPause = () => {
        clearTimeout(timer);
        resolve();
      };
    });

  const run = async () => {
    while (!stopped) {
      woken = false;
      const did = await options.look().catch((error: unknown) => {
        options.onError(error);
        woken = false;
        return 0;
      });
      if (did === 0 && !woken && !stopped) await pause();
    }
  };
  const running = run();

  return {
    wake() {
      woken = true;
      endPause();
    },
    async stop() {
      stopped = true;
      endPause();
      await running;
    },
  };
}
