import { Client, Connection } from '@temporalio/client';
import { medianBy, ratePerSecond, until } from './measure.ts';
import { startServers, type Servers } from './servers.ts';

const ROUNDS = 3;
const PEOPLE = 10_000;
/** What has begun goes on for a while. */
const MS_EACH = 100;
/** As many as the relay has under way. */
const STARTS_AT_ONCE = 96;
const FLOOR = 0.9;

/**
 * Journeys per second that a broadcast begins, from its trigger to the last start, against bare starts of workflows. In turns, and each
 * time on new servers: a start takes longer the more workflows are in Temporal's file, whoever had them started.
 */
export async function benchBroadcast(): Promise<string> {
  const sides = { hookline: startJourneys, bare: startWorkflows };
  const rounds = [];
  for (let round = 0; round < ROUNDS; round += 1) {
    const rates = { hookline: 0, bare: 0 };
    for (const side of round % 2 === 0 ? (['hookline', 'bare'] as const) : (['bare', 'hookline'] as const))
      rates[side] = await onNewServers((servers) => sides[side](servers));
    rounds.push(rates);
  }
  const median = medianBy(rounds, ratioOf);
  const all = rounds.map((round) => ratioOf(round).toFixed(2)).join(', ');
  const shown = `Hookline ${median.hookline.toFixed(0)} starts/s of ${PEOPLE}, bare ${median.bare.toFixed(0)}/s`;
  return `broadcast: ratio ${ratioOf(median).toFixed(2)}, floor ${FLOOR} (${shown}; the rounds ${all})`;
}

const ratioOf = ({ hookline, bare }: { hookline: number; bare: number }) => hookline / bare;

async function onNewServers<T>(measure: (servers: Servers) => Promise<T>): Promise<T> {
  const servers = await startServers();
  try {
    return await measure(servers);
  } finally {
    await servers.stop();
  }
}

async function startJourneys(servers: Servers): Promise<number> {
  const { database } = servers;
  await servers.publish('broadcast', { trigger: { type: 'manual' }, steps: [{ type: 'delay', for: '1h' }] });
  await database`
    insert into people (key, id, attributes)
    select 'per_broadcast_' || n, 'broadcast-' || n, '{"bench": "broadcast"}' from generate_series(1, ${PEOPLE}::int) as n`;
  return ratePerSecond(PEOPLE, async () => {
    await servers.trigger('broadcast', { id: 'all', audience: { 'customer.bench': 'broadcast' } });
    await until(
      'all journeys have begun',
      async () => {
        const [row] = await database<{ entered: number; isLeft: boolean }[]>`
          select (select count(*)::int from journeys where campaign_id = 'broadcast') as entered,
            exists (select from commands where broadcast_id is not null) as "isLeft"`;
        return row?.entered === PEOPLE && !row.isLeft;
      },
      60_000 + PEOPLE * MS_EACH,
    );
  });
}

async function startWorkflows({ temporalAddress, bareQueue }: Servers): Promise<number> {
  const connection = await Connection.connect({ address: temporalAddress });
  const client = new Client({ connection });
  const ids = Array.from({ length: PEOPLE }, (_, each) => `bare-start-${each}`);
  const start = async () => {
    for (let id = ids.pop(); id !== undefined; id = ids.pop())
      await client.workflow.start('bare', { workflowId: id, taskQueue: bareQueue });
  };
  const rate = await ratePerSecond(PEOPLE, () => Promise.all(Array.from({ length: STARTS_AT_ONCE }, start)));
  await connection.close();
  return rate;
}
