import { benchJourneys } from './journeys.ts';
import { startServers } from './servers.ts';

/** `npm run bench`: ratios against baselines measured in the same run, in turns, on the same servers. */
const servers = await startServers();
try {
  process.stdout.write(`${await benchJourneys(servers)}\n`);
} finally {
  await servers.stop();
}
