import { Client, Connection } from '@temporalio/client';
import { until } from './measure.ts';
import type { Servers } from './servers.ts';

/** In two rounds, so that either side is once the first, on servers that have less to look after. */
const ROUNDS = 2;
const PEOPLE = { usual: 1_000, large: 10_000 };
/** What has begun goes on for a while. */
const MS_EACH = 100;
/** As many as the relay has under way. */
const STARTS_AT_ONCE = 96;
const FLOOR = 0.9;

/**
 * Journeys per second that a broadcast begins, from its trigger to the last start, against bare starts of workflows, in turns on the
 * same servers; and until all of them wait, or have ended.
 */
export async function benchBroadcast(servers: Servers, { large }: { large: boolean }): Promise<string> {
  const { database } = servers;
  const people = large ? PEOPLE.large : PEOPLE.usual;
  const within = 60_000 + people * MS_EACH;
  await servers.publish('broadcast', { trigger: { type: 'manual' }, steps: [{ type: 'delay', for: '1h' }] });
  await database`
    insert into people (key, id, attributes)
    select 'per_broadcast_' || n, 'broadcast-' || n, '{"bench": "broadcast"}' from generate_series(1, ${people}::int) as n`;
  const client = new Client({ connection: await Connection.connect({ address: servers.temporalAddress }) });

  const hookline = async (round: number) => {
    await servers.trigger('broadcast', { id: `round-${round}`, audience: { 'customer.bench': 'broadcast' } });
    await until(
      'all journeys have begun',
      async () => {
        const [row] = await database<{ entered: number; isLeft: boolean }[]>`
          select (select count(*)::int from journeys where campaign_id = 'broadcast') as entered,
            exists (select from commands where broadcast_id is not null) as "isLeft"`;
        return row?.entered === (round + 1) * people && !row.isLeft;
      },
      within,
    );
  };
  const bare = async (round: number) => {
    const ids = Array.from({ length: people }, (_, each) => `bare-start-${round}-${each}`);
    const start = async () => {
      for (let id = ids.pop(); id !== undefined; id = ids.pop()) {
        await client.workflow.start('bare', { workflowId: id, taskQueue: servers.bareQueue });
      }
    };
    await Promise.all(Array.from({ length: STARTS_AT_ONCE }, start));
  };
  const allWait = (round: number) =>
    until(
      'all journeys are in their delay',
      async () => {
        const [row] = await database`
        select count(*)::int as done from journeys where campaign_id = 'broadcast' and state = 'delayed'`;
        return row?.done === (round + 1) * people;
      },
      within,
    );
  const query = `TaskQueue = '${servers.bareQueue}' and ExecutionStatus = 'Running'`;
  const allEnded = () =>
    until('all bare workflows are completed', async () => (await client.workflow.count(query)).count === 0, within);

  const sides = {
    hookline: (round: number) =>
      measure(
        () => hookline(round),
        () => allWait(round),
      ),
    bare: (round: number) => measure(() => bare(round), allEnded),
  };
  const seconds = { hookline: NOTHING, bare: NOTHING };
  for (let round = 0; round < ROUNDS; round += 1)
    for (const side of round % 2 === 0 ? (['hookline', 'bare'] as const) : (['bare', 'hookline'] as const))
      seconds[side] = plus(seconds[side], await sides[side](round));
  await client.connection.close();
  const rate = (time: number) => (ROUNDS * people) / time;
  const { hookline: ours, bare: base } = seconds;
  const begun = `Hookline ${rate(ours.begun).toFixed(0)} starts/s of ${people}, bare ${rate(base.begun).toFixed(0)}/s`;
  const done = `until all wait ${rate(ours.settled).toFixed(0)}/s, until all bare ones have ended ${rate(base.settled).toFixed(0)}/s`;
  return `broadcast: ratio ${(base.begun / ours.begun).toFixed(2)}, floor ${FLOOR} (${begun}; ${done})`;
}

/** Seconds until the last one was started, and until the last one waits or has ended: the next one begins then. */
type Seconds = { begun: number; settled: number };
const NOTHING: Seconds = { begun: 0, settled: 0 };
const plus = (a: Seconds, b: Seconds): Seconds => ({ begun: a.begun + b.begun, settled: a.settled + b.settled });

async function measure(start: () => Promise<void>, settled: () => Promise<void>): Promise<Seconds> {
  const startedAt = performance.now();
  await start();
  const begun = (performance.now() - startedAt) / 1_000;
  await settled();
  return { begun, settled: (performance.now() - startedAt) / 1_000 };
}
