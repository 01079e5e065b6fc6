import { Client, Connection } from '@temporalio/client';
import { medianBy, ratePerSecond, until } from './measure.ts';
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
  const { database } = servers;
  await servers.publish('journeys', campaign(servers.origins[0] ?? ''));
  const client = new Client({ connection: await Connection.connect({ address: servers.temporalAddress }) });

  const hookline = async (round: number) => {
    await servers.post(
      Array.from({ length: JOURNEYS_PER_ROUND }, (_, each) => ({
        person: `person-${round}-${each}`,
        name: 'journeys',
        data: { newStatus: 'Gold' },
      })),
    );
    await until('all journeys are completed', async () => {
      const [row] = await database`
        select count(*)::int as done from journeys where campaign_id = 'journeys' and state = 'completed'`;
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
    await until('all bare workflows are completed', async () => {
      return (await client.workflow.count(query)).count === (round + 1) * JOURNEYS_PER_ROUND;
    });
  };

  const rates: Rates[] = [];
  for (let round = 0; round < WARM_UP_ROUNDS + COUNTED_ROUNDS; round += 1) {
    rates.push({
      hookline: await ratePerSecond(JOURNEYS_PER_ROUND, () => hookline(round)),
      bare: await ratePerSecond(JOURNEYS_PER_ROUND, () => bare(round)),
    });
  }
  await client.connection.close();
  const median = medianBy(rates.slice(WARM_UP_ROUNDS), ratioOf);
  const shown = `Hookline ${median.hookline.toFixed(1)}/s, bare workflow ${median.bare.toFixed(1)}/s`;
  return `journeys: ratio ${ratioOf(median).toFixed(2)}, floor ${FLOOR} (${shown})`;
}

type Rates = { hookline: number; bare: number };

const ratioOf = (rates: Rates) => rates.hookline / rates.bare;

const campaign = (origin: string) => ({
  trigger: { type: 'event', event: 'journeys', where: { 'event.newStatus': 'Gold' } },
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
