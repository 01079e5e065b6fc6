import { Client, Connection } from '@temporalio/client';
import { medianBy, ratePerSecond, until } from './measure.ts';
import type { Servers } from './servers.ts';

/** With `--large` one round of many, where the time that a first round warms up in does not count. */
const SIZES = {
  usual: { people: 500, warmUp: 1, counted: 3 },
  large: { people: 10_000, warmUp: 0, counted: 1 },
};
/** What has begun goes on for a while. */
const MS_EACH = 100;
/** As many as the relay has under way. */
const STARTS_AT_ONCE = 64;
const FLOOR = 0.9;

/**
 * Journeys per second that a broadcast begins, from its trigger to the last start, against bare starts of workflows, in turns on the
 * same servers; and until all of them wait, or have ended. Answers the round with the median ratio of starts.
 */
export async function benchBroadcast(servers: Servers, { large }: { large: boolean }): Promise<string> {
  const { database } = servers;
  const { people, warmUp, counted } = large ? SIZES.large : SIZES.usual;
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
  /** What was started goes on for a while: the next round begins when it is done. */
  const settled = async (round: number) => {
    await until(
      'all journeys are in their delay',
      async () => {
        const [row] = await database`
        select count(*)::int as done from journeys where campaign_id = 'broadcast' and state = 'delayed'`;
        return row?.done === (round + 1) * people;
      },
      within,
    );
    const query = `TaskQueue = '${servers.bareQueue}' and ExecutionStatus = 'Running'`;
    await until(
      'all bare workflows are completed',
      async () => (await client.workflow.count(query)).count === 0,
      within,
    );
  };

  const measure = async (start: (round: number) => Promise<void>, round: number): Promise<Rates> => {
    let begun = 0;
    const settledPerSecond = await ratePerSecond(people, async () => {
      begun = await ratePerSecond(people, () => start(round));
      await settled(round);
    });
    return { begun, settled: settledPerSecond };
  };

  const rounds: Round[] = [];
  for (let round = 0; round < warmUp + counted; round += 1)
    rounds.push({ hookline: await measure(hookline, round), bare: await measure(bare, round) });
  await client.connection.close();
  const { hookline: ours, bare: base } = medianBy(rounds.slice(warmUp), ratioOf);
  const begun = `Hookline ${ours.begun.toFixed(0)} starts/s of ${people}, bare ${base.begun.toFixed(0)}/s`;
  const done = `until all wait ${ours.settled.toFixed(0)}/s, until all bare ones have ended ${base.settled.toFixed(0)}/s`;
  return `broadcast: ratio ${(ours.begun / base.begun).toFixed(2)}, floor ${FLOOR} (${begun}; ${done})`;
}

/** Per second: until the last one was started, and until the last one waits or has ended. */
type Rates = { begun: number; settled: number };
type Round = { hookline: Rates; bare: Rates };

const ratioOf = ({ hookline, bare }: Round) => hookline.begun / bare.begun;
