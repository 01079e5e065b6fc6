import { setTimeout as pause } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import { runFault } from './run-fault.ts';
import { mountSmallDisk, type SmallDisk } from './small-disk.ts';
import { startStack, type Stack } from './stack.ts';
import { tableOf, type Line } from './table.ts';

/** Set by `npm run test:faults -- --long`. */
const isLong = inject('long') === true;
const scale = isLong ? { events: 600, perSecond: 20 } : { events: 40, perSecond: 10 };
/** How long what is stopped stays away. */
const AWAY_MS = isLong ? 30_000 : 4_000;
/** Longer than the leases of the relay and the heartbeats of activities. */
const FROZEN_MS = isLong ? 90_000 : 32_000;
const CLOCK_OFF = { TEST_CLOCK_OFF_MS: '3600000' };
const SHIFTED = ['./test/faults/shifted-clock.js'];
const TIMEOUT_MS = isLong ? 600_000 : 240_000;

const lines: Line[] = [];
afterAll(() => void process.stdout.write(`\n${tableOf(lines)}\n`));

/** One stack for some faults, one after the other; `act` is given the stack, and is over when the fault is. */
function faultsOn(
  what: string,
  options: Omit<Parameters<typeof startStack>[0], 'seed' | 'breaker'>,
  faults: Record<string, (stack: Stack) => Promise<void>>,
) {
  describe.concurrent(what, () => {
    let stack: Stack;
    beforeAll(async () => {
      stack = await startStack({ ...options, seed: what.length, breaker: isLong ? 'on' : 'off' });
    }, TIMEOUT_MS);
    afterAll(() => stack.stop());
    for (const [fault, act] of Object.entries(faults)) {
      it.sequential(
        fault,
        async () => {
          lines.push(await runFault(stack, fault, scale, () => act(stack)));
        },
        TIMEOUT_MS,
      );
    }
  });
}

faultsOn(
  'nothing is lost and nothing is done twice by',
  {},
  {
    'SIGKILL of the server': async ({ server, startServer }) => {
      await server().kill();
      await startServer();
    },
    'SIGKILL of the worker': async ({ takeWorker, addWorker }) => {
      await takeWorker().kill();
      await addWorker();
    },
  },
);

faultsOn(
  'two workers with two relays lose nothing and do nothing twice at',
  {},
  {
    'a restart of one after the other by SIGTERM': async ({ takeWorker, addWorker }) => {
      await addWorker();
      for (let each = 0; each < 2; each += 1) {
        expect(await takeWorker().terminate()).toBe(0);
        await addWorker();
      }
    },
    'SIGKILL of one after the other': async ({ takeWorker, addWorker }) => {
      for (let each = 0; each < 2; each += 1) {
        await takeWorker().kill();
        await addWorker();
      }
    },
  },
);

faultsOn(
  'of two workers, one does no harm that',
  {},
  {
    'is frozen for longer than its leases, and woken': async ({ workers, addWorker }) => {
      await addWorker();
      workers[0]?.freeze();
      await pause(FROZEN_MS);
      workers[0]?.wake();
    },
    'has a clock that is an hour fast': async ({ takeWorker, addWorker }) => {
      await addWorker(CLOCK_OFF, SHIFTED);
      await takeWorker().terminate();
      await takeWorker().terminate();
      await addWorker();
    },
  },
);

faultsOn(
  'nothing is lost and nothing is done twice while',
  { own: { postgres: true, temporal: true } },
  {
    'Temporal is away': async ({ temporal }) => {
      await temporal?.crash();
      await pause(AWAY_MS);
      await temporal?.start();
    },
    'Postgres crashes': async ({ postgres }) => {
      await postgres?.crash();
      await postgres?.start();
    },
    'everything is killed at once': async ({ postgres, temporal, server, takeWorker, startServer, addWorker }) => {
      await Promise.all([postgres?.crash(), temporal?.crash(), server().kill(), takeWorker().kill()]);
      await Promise.all([postgres?.start(), temporal?.start()]);
      await Promise.all([startServer(), addWorker()]);
    },
  },
);

faultsOn(
  'nothing is lost and nothing is done twice when',
  {},
  {
    'the network to the receiver is cut, and then lets nothing through': async ({ network }) => {
      network.cut('reset');
      await pause(AWAY_MS / 2);
      network.cut('silence');
      await pause(AWAY_MS);
      network.mend();
    },
  },
);
