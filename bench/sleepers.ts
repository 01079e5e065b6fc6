import { until } from './measure.ts';
import { residentMb } from './memory.ts';
import type { Servers } from './servers.ts';

const SLEEPERS = 10_000;
const LARGE = 100_000;

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
 * What a journey costs that waits for an event: bytes in Postgres with all indexes, event and person included, and of the worker's
 * memory, which keeps the last 1,000 workflows only.
 */
export async function benchSleepers(servers: Servers, { large }: { large: boolean }): Promise<string> {
  const count = large ? LARGE : SLEEPERS;
  await servers.publish('sleepers', { steps: [{ type: 'wait', id: 'sleep', event: 'never', timeout: '30d' }] });
  const bytes = async () => {
    const [row] = await servers.database<{ bytes: number }[]>`
      select sum(pg_total_relation_size(name::regclass))::float8 as bytes from unnest(${TABLES}::text[]) as name`;
    return row?.bytes ?? 0;
  };
  await servers.database`vacuum full`;
  const before = { bytes: await bytes(), mb: await residentMb(servers) };
  const startedAt = performance.now();
  await servers.post(Array.from({ length: count }, (_, each) => ({ person: `sleeper-${each}`, name: 'sleepers' })));
  await until(
    'all journeys wait',
    async () => {
      const [row] = await servers.database<{ count: number }[]>`
        select count(*)::int as count from waits where step_id = 'sleep'`;
      return row?.count === count;
    },
    count * 100,
  );
  const seconds = (performance.now() - startedAt) / 1000;
  await servers.database`vacuum full`;
  const after = { bytes: await bytes(), mb: await residentMb(servers) };
  const each = ((after.bytes - before.bytes) / count / 1024).toFixed(1);
  const shown = `${count} asleep after ${seconds.toFixed(0)} s, worker +${(after.mb - before.mb).toFixed(0)} MB`;
  return `sleepers: ${each} KiB of Postgres each (${shown})`;
}
