import { setTimeout as pause } from 'node:timers/promises';
import { sql } from 'drizzle-orm';
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import { NOTHING_WRONG, runFault } from './run-fault.ts';
import { startStack, type Stack } from './stack.ts';
import { tableOf, type Line } from './table.ts';

/** Set by `npm run test:faults -- --long`. */
const isLong = inject('long') === true;
/** Four stacks run at once: more a second in the long form, and two cores would be behind when a fault is over. */
const scale = isLong ? { events: 300, perSecond: 3, begin: 0.6 } : { events: 24, perSecond: 10, begin: 0.6 };
/** So that events come until it is over. */
const throughout = isLong ? { events: 300, perSecond: 3, begin: 0.2 } : { events: 120, perSecond: 10, begin: 0.2 };
/** How long what is stopped stays away. */
const AWAY_MS = isLong ? 30_000 : 4_000;
/** Longer than the leases of the relay and the heartbeats of activities. */
const FROZEN_MS = isLong ? 90_000 : 32_000;
/**
 * A step of a journey that was given to a worker just as it stopped comes again after 5 s, a request after 7 s. One delivery may meet
 * both, which together is what it waits for its first retry by default; and the machine has three other stacks to run.
 */
const LATEST_S = 5 + 7 + 8;
const CLOCK = ['./test/faults/shifted-clock.js'];
const TIMEOUT_MS = isLong ? 600_000 : 300_000;

const lines: Line[] = [];
afterAll(() => void process.stdout.write(`\n${tableOf(lines)}\n`));

type Fault = {
  /** Why this machine does not let it happen. */
  impossible?: (stack: Stack) => string | undefined;
  /** Before the first event. */
  prepare?: (stack: Stack) => Promise<unknown>;
  /** Among the events; it is over when this is. */
  happen(stack: Stack): Promise<unknown>;
  /** It cuts nothing off, and keeps no delivery waiting for longer than a retry would, under load that goes on meanwhile. */
  isGentle?: boolean;
};

const twoWorkers = async ({ workers, addWorker }: Stack) => {
  while (workers.length < 2) await addWorker();
};

type Options = Omit<Parameters<typeof startStack>[0], 'seed' | 'breaker'>;

/** One stack for some faults, one after the other. Several stacks run at once: their faults mostly wait. */
function faultsOn(what: string, options: Options, faults: Record<string, Fault>) {
  describe.concurrent(what, () => {
    let stack: Stack;
    beforeAll(async () => {
      stack = await startStack({ ...options, seed: what.length, breaker: isLong ? 'on' : 'off' });
    }, TIMEOUT_MS);
    afterAll(() => stack.stop());
    for (const [name, fault] of Object.entries(faults)) {
      it.sequential(
        name,
        async ({ skip }) => {
          const not = fault.impossible?.(stack);
          if (not !== undefined) lines.push({ fault: name, not });
          skip(not !== undefined, not);
          await fault.prepare?.(stack);
          const { line, wrong } = await runFault(
            stack,
            name,
            fault.isGentle ? throughout : scale,
            async () => void (await fault.happen(stack)),
          );
          lines.push(line);
          expect(wrong).toEqual(NOTHING_WRONG);
          if (!fault.isGentle) return;
          expect(line.cutOff).toBe(0);
          expect(Math.max(line.slowest, line.latest)).toBeLessThan(LATEST_S);
        },
        TIMEOUT_MS,
      );
    }
  });
}

faultsOn(
  'two workers with two relays lose nothing and do nothing twice at',
  {},
  {
    'SIGKILL of the server': {
      prepare: twoWorkers,
      async happen({ server, startServer }) {
        await server().kill();
        await startServer();
      },
    },
    'a restart of one worker after the other by SIGTERM': {
      isGentle: true,
      prepare: twoWorkers,
      async happen({ takeWorker, addWorker }) {
        for (let each = 0; each < 2; each += 1) {
          expect(await takeWorker().terminate()).toBe(0);
          await addWorker();
        }
      },
    },
    'SIGKILL of one worker after the other': {
      prepare: twoWorkers,
      async happen({ takeWorker, addWorker }) {
        await takeWorker().kill();
        await addWorker();
        await takeWorker().kill();
      },
    },
  },
);

faultsOn(
  'of two workers, one does no harm that',
  {},
  {
    'is frozen for longer than its leases, and woken': {
      prepare: twoWorkers,
      async happen({ workers }) {
        workers[0]?.freeze();
        await pause(FROZEN_MS);
        workers[0]?.wake();
      },
    },
    'has a clock that is an hour fast, while the server is an hour slow': {
      async prepare({ workers, takeWorker, addWorker, server, startServer }) {
        while (workers.length > 1) await takeWorker().terminate();
        await server().terminate();
        await Promise.all([
          addWorker({ TEST_CLOCK_OFF_MS: '3600000' }, CLOCK),
          startServer({ TEST_CLOCK_OFF_MS: '-3600000' }, CLOCK),
        ]);
      },
      happen: () => Promise.resolve(),
    },
  },
);

faultsOn(
  'nothing is lost and nothing is done twice while',
  { own: { postgres: true, temporal: true } },
  {
    'Temporal is away': {
      async happen({ temporal }) {
        await temporal?.crash();
        await pause(AWAY_MS);
        await temporal?.start();
      },
    },
    'Postgres crashes': {
      async happen({ postgres }) {
        await postgres?.crash();
        await postgres?.start();
      },
    },
    'everything is killed at once': {
      async happen({ postgres, temporal, server, takeWorker, startServer, addWorker }) {
        await Promise.all([postgres?.crash(), temporal?.crash(), server().kill(), takeWorker().kill()]);
        await Promise.all([postgres?.start(), temporal?.start()]);
        await Promise.all([startServer(), addWorker()]);
      },
    },
  },
);

faultsOn(
  'nothing is lost and nothing is done twice where',
  { own: { postgres: true }, smallDisk: true },
  {
    'the network to the receiver is cut, and then lets nothing through': {
      async happen({ network }) {
        network.cut('reset');
        await pause(AWAY_MS / 2);
        network.cut('silence');
        await pause(AWAY_MS);
        network.mend();
      },
    },
    'the disk of Postgres is full': {
      impossible: ({ disk }) => disk?.not,
      async happen({ db, disk, postgres }) {
        await disk?.fill();
        const large = sql`create table large as select md5(n::text) from generate_series(1, 100000) n`;
        await expect(db.execute(large)).rejects.toThrow();
        await pause(AWAY_MS);
        await disk?.free();
        // It ends where it cannot even write its log: who runs it starts it again.
        if (postgres?.hasExited()) await postgres.start();
      },
    },
  },
);
