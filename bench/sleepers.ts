import { until } from './measure.ts';
import { residentMb } from './memory.ts';
import type { Servers } from './servers.ts';

/** As many are woken, spread over all: most of them are in no worker's memory by then. */
const WOKEN = 2_000;
/** About half of what two cores can do, so that what is measured is no queue. */
const WOKEN_PER_SECOND = 20;
/** More would take more than a few minutes: so many a second begin anew at most. */
const REBUILT = 2_000;

/** Each of them has rows here for a sleeping journey. */
const TABLES = [
  'people',
  'events',
  'outcomes',
  'entries',
  'journeys',
  'journey_log',
  'waits',
  'commands',
  'inbox',
  'waiting',
];

/**
 * What a journey costs that waits for an event: bytes in Postgres with all indexes, event and person included, bytes of Temporal's file,
 * and the worker's memory, which keeps the last 1,000 workflows only. Then how long it takes one to wake among so many; a restart of
 * the worker; and until all are there again after Temporal has lost them.
 */
export async function benchSleepers(servers: Servers, { sleepers: count }: { sleepers: number }): Promise<string> {
  await servers.publish('sleepers', { steps: [{ type: 'wait', id: 'sleep', event: 'woken', timeout: '30d' }] });
  await servers.database`vacuum full`;
  const before = await sizes(servers);
  const startSeconds = await timed(() => fallAsleep(servers, count));
  await servers.database`vacuum full`;
  const after = await sizes(servers);
  const kib = (key: 'postgresMb' | 'temporalMb') => (((after[key] - before[key]) / count) * 1024).toFixed(1);

  const woken = Math.min(WOKEN, Math.ceil(count / 10));
  const latency = await wake(servers, { count, woken, from: 0 });
  const restartSeconds = await servers.restartWorker();
  const first = await timed(() => wake(servers, { count, woken: 1, from: 1 }));
  const rebuilt = count > REBUILT ? 'not tried' : `${(await timed(() => rebuild(servers))).toFixed(0)} s`;

  return [
    `sleepers: ${kib('postgresMb')} KiB of Postgres and ${kib('temporalMb')} KiB of Temporal's file each, ${count} of them`,
    `  asleep after ${startSeconds.toFixed(0)} s, ${(count / startSeconds).toFixed(0)} a second`,
    `  worker +${(after.rssMb - before.rssMb).toFixed(0)} MB, of which +${(after.heapMb - before.heapMb).toFixed(0)} MB heap`,
    `  woken at ${WOKEN_PER_SECOND} a second: ended after ${latency.p50} ms (median), ${latency.p95} ms (95th percentile)`,
    `  worker restarted in ${restartSeconds.toFixed(1)} s, the first one woken after ${first.toFixed(1)} s more`,
    `  all started again in a new namespace: ${rebuilt}`,
  ].join('\n');
}

async function timed(run: () => Promise<unknown>): Promise<number> {
  const startedAt = performance.now();
  await run();
  return (performance.now() - startedAt) / 1_000;
}

async function sizes(servers: Servers) {
  const [row] = await servers.database<{ mb: number }[]>`
    select sum(pg_total_relation_size(name::regclass))::float8 / 1024 / 1024 as mb from unnest(${TABLES}::text[]) as name`;
  const rssMb = await residentMb(servers);
  return { postgresMb: row?.mb ?? 0, temporalMb: await servers.temporalMb(), rssMb, heapMb: servers.heapMb() };
}

async function fallAsleep(servers: Servers, count: number): Promise<void> {
  await servers.post(Array.from({ length: count }, (_, each) => ({ person: `sleeper-${each}`, name: 'sleepers' })));
  const done = async () => {
    const [row] = await servers.database<{ count: number }[]>`
      select count(*)::int from waits where step_id = 'sleep' and outcome is null`;
    return row?.count === count;
  };
  await until('all journeys wait', done, count * 100);
}

/** Wakes some, evenly spread over all; answers the time from the event to the end of its journey. */
async function wake(servers: Servers, { count, woken, from }: { count: number; woken: number; from: number }) {
  const step = Math.floor(count / woken);
  const [time] = await servers.database<{ now: string }[]>`select now()::text as now`;
  const startedAt = performance.now();
  for (let each = 0; each < woken; each += 1) {
    const dueAt = startedAt + (each * 1_000) / WOKEN_PER_SECOND;
    await new Promise((resolve) => setTimeout(resolve, dueAt - performance.now()));
    await servers.post([{ person: `sleeper-${from + each * step}`, name: 'woken' }]);
  }
  const ended = () => servers.database<{ count: number; p50: number; p95: number }[]>`
    select count(*)::int, percentile_cont(0.5) within group (order by ms)::int as p50,
      percentile_cont(0.95) within group (order by ms)::int as p95
    from (
      select extract(epoch from j.ended_at - e.received_at) * 1000 as ms
      from waits w join events e on e.id = w.event_id join journeys j on j.id = w.journey_id
      where e.received_at >= ${time?.now ?? ''}::timestamptz and j.ended_at is not null) as w`;
  await until('all that were woken have ended', async () => (await ended())[0]?.count === woken);
  return (await ended())[0] ?? { p50: 0, p95: 0 };
}

/** From when Temporal is back, with nothing in it, until it has been told of everything again. */
async function rebuild(servers: Servers): Promise<void> {
  await servers.wipeTemporal();
  const [time] = await servers.database<{ now: string }[]>`select now()::text as now`;
  const done = async () => {
    const [row] = await servers.database<{ left: number }[]>`
      select (select count(*) from commands)::int + (
        select count(*) from journeys
        where ended_at is null and (checked_at is null or checked_at < ${time?.now ?? ''}::timestamptz))::int as left`;
    return row?.left === 0;
  };
  await until('all is started again', done, 900_000);
}
