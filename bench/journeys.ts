import { Client, Connection } from '@temporalio/client';
import postgres from 'postgres';
import type { Servers } from './servers.ts';

const JOURNEYS_PER_ROUND = 200;
const ROUNDS = 5;
const STARTS_AT_ONCE = 32;

/**
 * Journeys per second of event → webhook → mapping → end, against a bare workflow with one no-op activity, in turns on the
 * same servers. Prints both rates and the median of the rounds' ratios.
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
  for (let round = 0; round < ROUNDS; round += 1) {
    rates.push({ hookline: await ratePerSecond(() => hookline(round)), bare: await ratePerSecond(() => bare(round)) });
  }
  await Promise.all([database.end(), client.connection.close()]);
  // The first round warms both up.
  const counted = rates.slice(1);
  const ratio = median(counted.map((rate) => rate.hookline / rate.bare));
  const rate = (of: 'hookline' | 'bare') => median(counted.map((each) => each[of])).toFixed(1);
  return `journeys: ratio ${ratio.toFixed(2)} (Hookline ${rate('hookline')}/s, bare workflow ${rate('bare')}/s)`;
}

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

function median(values: number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.floor(sorted.length / 2)] ?? 0;
}
