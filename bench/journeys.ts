import { Client, Connection } from '@temporalio/client';
import postgres from 'postgres';
import type { Servers } from './servers.ts';

const JOURNEYS_PER_ROUND = 250;
/** Until compiled code and caches are as they are in a process that has run for a while. */
const WARM_UP_ROUNDS = 3;
const COUNTED_ROUNDS = 5;
const STARTS_AT_ONCE = 32;
const FLOOR = 0.7;

/**
 * Journeys per second of event → webhook → mapping → end, against a bare workflow with one no-op activity, in turns on the
 * same servers. Answers the round with the median ratio.
 */
export async function benchJourneys(servers: Servers): Promise<string> {
  const call = async (method: string, path: string, body?: unknown) => {
    const response = await fetch(servers.api + path, {
      method,
      headers: { authorization: `Bearer ${servers.adminKey}`, 'content-type': 'application/json' },
      ...(body !== undefined && { body: JSON.stringify(body) }),
    });
    if (!response.ok) throw new Error(`${method} ${path}: ${await response.text()}`);
  };
  await call('PUT', '/v1/campaigns/bench', campaign(servers.receiverOrigin));
  await call('POST', '/v1/campaigns/bench/start');
  const database = postgres(servers.databaseUrl, { max: 1 });
  const client = new Client({ connection: await Connection.connect({ address: servers.temporalAddress }) });

  const hookline = async (round: number) => {
    const events = Array.from({ length: JOURNEYS_PER_ROUND }, (_, each) => ({
      person: `person-${round}-${each}`,
      name: 'bench',
      data: { newStatus: 'Gold' },
    }));
    for (let at = 0; at < events.length; at += 50) await call('POST', '/v1/events', events.slice(at, at + 50));
    await until(async () => {
      const [row] = await database`select count(*)::int as done from journeys where state = 'completed'`;
      return row?.done === (round + 1) * JOURNEYS_PER_ROUND;
    });
  };
  const bare = async (round: number) => {
    const ids = Array.from({ length: JOURNEYS_PER_ROUND }, (_, each) => `bare-${round}-${each}`);
    const start = async () => {
      for (let id = ids.pop(); id !== undefined; id = ids.pop()) {
        await client.workflow.start('bare', { workflowId: id, taskQueue: servers.bareQueue });
      }
    };
    await Promise.all(Array.from({ length: STARTS_AT_ONCE }, start));
    const query = `TaskQueue = '${servers.bareQueue}' and ExecutionStatus = 'Completed'`;
    await until(async () => (await client.workflow.count(query)).count === (round + 1) * JOURNEYS_PER_ROUND);
  };

  const rates: { hookline: number; bare: number }[] = [];
  for (let round = 0; round < WARM_UP_ROUNDS + COUNTED_ROUNDS; round += 1) {
    rates.push({ hookline: await ratePerSecond(() => hookline(round)), bare: await ratePerSecond(() => bare(round)) });
  }
  await Promise.all([database.end(), client.connection.close()]);
  const counted = rates.slice(WARM_UP_ROUNDS).toSorted((a, b) => ratioOf(a) - ratioOf(b));
  const median = counted[Math.floor(counted.length / 2)] ?? { hookline: 0, bare: 1 };
  const shown = `Hookline ${median.hookline.toFixed(1)}/s, bare workflow ${median.bare.toFixed(1)}/s`;
  return `journeys: ratio ${ratioOf(median).toFixed(2)}, floor ${FLOOR} (${shown})`;
}

const ratioOf = (rate: { hookline: number; bare: number }) => rate.hookline / rate.bare;

const campaign = (origin: string) => ({
  trigger: { type: 'event', event: 'bench', where: { 'event.newStatus': 'Gold' } },
  steps: [
    {
      type: 'webhook',
      id: 'status',
      url: `${origin}/status?user={{ customer.id }}`,
      body: { json: { status: '{{ event.newStatus }}' } },
      response: { attributes: { status: '{{ response.status }}' } },
    },
  ],
});

async function ratePerSecond(run: () => Promise<void>): Promise<number> {
  const startedAt = performance.now();
  await run();
  return (JOURNEYS_PER_ROUND * 1000) / (performance.now() - startedAt);
}

async function until(done: () => Promise<boolean>): Promise<void> {
  while (!(await done())) await new Promise((resolve) => setTimeout(resolve, 50));
}
