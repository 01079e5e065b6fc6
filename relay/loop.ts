export type Loop = {
  /** There may be work: look now, or again once the present look is over. */
  wake(): void;
  /** Ends after the present look. */
  stop(): Promise<void>;
};

/**
 * Looks for work when woken and at least every `pollMs`; goes on at once while there is some. `look` answers how much it did;
 * when it throws, `onError` hears of it and the next look waits `pollMs`, whoever wakes the loop meanwhile.
 */
export function startLoop(options: {
  look: () => Promise<number>;
  pollMs: number;
  onError: (error: unknown) => void;
}): Loop {
  let stopped = false;
  let woken = true;
  let onWake = () => {};
  let onStop = () => {};

  const pause = (endedByWake: boolean) =>
    new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, options.pollMs);
      onStop = () => {
        clearTimeout(timer);
        resolve();
      };
      onWake = endedByWake ? onStop : () => {};
    });

  const look = async () => {
    try {
      return (await options.look()) > 0 ? 'more' : 'nothing';
    } catch (error) {
      options.onError(error);
      return 'failed';
    }
  };
  const run = async () => {
    while (!stopped) {
      woken = false;
      const found = await look();
      if (stopped || found === 'more' || (found === 'nothing' && woken)) continue;
      await pause(found === 'nothing');
    }
  };
  const running = run();

  return {
    wake() {
      woken = true;
      onWake();
    },
    async stop() {
      stopped = true;
      onStop();
      await running;
    },
  };
}
