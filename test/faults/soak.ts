import { setTimeout as pause } from 'node:timers/promises';
import { expect, inject, it } from 'vitest';
import { audit, inTransit } from './audit.ts';
import { eventsOf, post, startApproving } from './load.ts';
import { NOTHING_WRONG, untilQuiet } from './run-fault.ts';
import { startStack, type Stack } from './stack.ts';
import { sureGrowthOf, usageOf } from './usage.ts';

const MINUTES = inject('soakMinutes') ?? 15;
/** Each success begins one journey more: about half of what two cores can do, so that no queue grows. */
const PER_SECOND = 5;
const SAMPLE_EVERY_S = 10;
const REPORTER = ['./test/faults/usage-reporter.js'];

/**
 * What may grow in a minute, in which 300 events come: two kilobytes of heap kept of each would be 0.6 MB. The allocator takes and gives
 * back by the megabyte, so that resident memory says less. One file or timer for 300 events is none for each. What is in transit is a few
 * seconds' worth, some 30 rows, which come and go.
 */
const MAY_GROW = { rssMb: 5, heapMb: 0.5, files: 1, active: 1, inTransit: 3 };

/** Beside the campaigns of the faults: what follows from attributes, which each success changes. */
async function publishMore({ api, hookline }: Stack): Promise<void> {
  await api('PUT', '/v1/segments/busy', { condition: { 'customer.count': { gt: 1 } } });
  await hookline.publish('busy', {
    trigger: { type: 'segment', segment: 'busy', change: 'enter' },
    steps: [{ type: 'update', id: 'mark', attributes: { busy: 'yes' } }],
  });
  await hookline.publish('counted-up', {
    trigger: { type: 'attribute', attribute: 'count' },
    entry: { frequency: 'everyTime' },
    steps: [{ type: 'update', id: 'note', attributes: { noted: '{{ customer.count }}' } }],
  });
}

async function sample({ db, server, workers: [worker] }: Stack): Promise<Record<string, number>> {
  if (!worker) throw new Error('there is no worker');
  const [ofServer, ofWorker, transit] = await Promise.all([usageOf(server()), usageOf(worker), inTransit(db)]);
  const named = (who: string, figures: Record<string, number>) =>
    Object.entries(figures).map(([name, figure]) => [`${who}.${name}`, figure] as const);
  const rows = Object.values(transit).reduce((sum, each) => sum + each, 0);
  return Object.fromEntries([...named('server', ofServer), ...named('worker', ofWorker), ['db.inTransit', rows]]);
}

it(
  `memory, handles and rows in transit stay as they are under load for ${MINUTES} minutes`,
  async ({ onTestFinished }) => {
    const stack = await startStack({ seed: 1, own: { postgres: true, temporal: true }, preload: REPORTER });
    onTestFinished(() => stack.stop());
    await publishMore(stack);
    // No draft is left undecided: those that wait are kept in memory.
    const events = eventsOf('soak', MINUTES * 60 * PER_SECOND).map((event) => ({
      ...event,
      person: event.person.replace(/-no$/, '-yes'),
    }));
    const approving = startApproving(stack.db, stack.api);
    let posted = false;
    const posting = post(stack.api, events, PER_SECOND).finally(() => (posted = true));
    const samples: Record<string, number>[] = [];
    while (!posted) {
      await pause(SAMPLE_EVERY_S * 1_000);
      if (posted) break;
      const figures = await sample(stack);
      samples.push(figures);
      const shown = Object.entries(figures).map(([name, figure]) => `${name} ${figure.toFixed(1)}`);
      process.stdout.write(`${samples.length * SAMPLE_EVERY_S} s: ${shown.join(', ')}\n`);
    }
    await posting;
    const left = await untilQuiet(stack);
    await approving.stop();
    const grows = Object.keys(samples[0] ?? {}).map((name) => {
      const perMinute = sureGrowthOf(samples.map((figures) => figures[name] ?? 0)) * (60 / SAMPLE_EVERY_S);
      const limit = MAY_GROW[name.split('.')[1] as keyof typeof MAY_GROW];
      return { name, perMinute: Number(perMinute.toFixed(2)), limit };
    });
    process.stdout.write(
      `${grows.map(({ name, perMinute, limit }) => `${name}: ${perMinute} a minute, at most ${limit}`).join('\n')}\n`,
    );
    const { lost, doubled } = await audit(stack.db, events, stack.received);
    expect({ died: stack.died, left, lost, doubled }).toEqual(NOTHING_WRONG);
    expect(grows.filter(({ perMinute, limit }) => perMinute > limit)).toEqual([]);
  },
  (MINUTES + 10) * 60_000,
);
