import { benchAudience } from './audience.ts';
import { benchBroadcast } from './broadcast.ts';
import { benchDeliveries } from './deliveries.ts';
import { benchEvents } from './events.ts';
import { benchIsolation } from './isolation.ts';
import { benchJourneys } from './journeys.ts';
import { benchMatching } from './matching.ts';
import { benchMemory } from './memory.ts';
import { startServers, type Servers } from './servers.ts';
import { benchSleepers } from './sleepers.ts';

type Options = { sleepers: number };
let shared: Promise<Servers> | undefined;
const onShared = (bench: (servers: Servers, options: Options) => Promise<string>) => async (options: Options) =>
  bench(await (shared ??= startServers()), options);

/** In this order: the last ones leave destinations behind that are left alone for a while, and journeys that sleep. */
const benches = {
  journeys: onShared(benchJourneys),
  events: onShared(benchEvents),
  deliveries: onShared(benchDeliveries),
  matching: onShared(benchMatching),
  memory: onShared(benchMemory),
  isolation: onShared(benchIsolation),
  sleepers: onShared(benchSleepers),
  broadcast: benchBroadcast,
  audience: onShared(benchAudience),
};

/**
 * `npm run bench`: ratios against baselines measured in the same run, in turns; or only those named.
 * 10,000 journeys sleep; `--sleepers=500` says how many.
 */
const words = process.argv.slice(2);
const isCount = (word: string) => /^--sleepers=\d+$/.test(word);
const sleepers = Number(words.find(isCount)?.split('=')[1] ?? 10_000);
const wanted = words.filter((word) => !isCount(word));
const unknown = wanted.find((name) => !(name in benches));
if (unknown !== undefined) throw new Error(`there is no bench ${unknown}, but ${Object.keys(benches).join(', ')}`);
try {
  for (const [name, bench] of Object.entries(benches)) {
    if (wanted.length === 0 || wanted.includes(name)) process.stdout.write(`${await bench({ sleepers })}\n`);
  }
} finally {
  await (await shared)?.stop();
}
