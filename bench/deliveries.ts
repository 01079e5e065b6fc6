import { randomUUID } from 'node:crypto';
import { MockActivityEnvironment } from '@temporalio/testing';
import { Agent, request } from 'undici';
import { createHttp } from '../activities/http.ts';
import { createActivities } from '../activities/index.ts';
import { createCompiledVersions } from '../compiled-versions.ts';
import { createCipher } from '../db/cipher.ts';
import { newId } from '../db/id.ts';
import { openDatabase, type Db } from '../db/open.ts';
import { createWaker } from '../db/wake.ts';
import { journeys } from '../db/schema/journeys.ts';
import { people } from '../db/schema/people.ts';
import { medianBy, ratePerSecond } from './measure.ts';
import type { Servers } from './servers.ts';

const DELIVERIES_PER_ROUND = 500;
/** Many more, so that a round of either side takes about a second. */
const BARE_REQUESTS_PER_ROUND = 20_000;
const WARM_UP_ROUNDS = 3;
const COUNTED_ROUNDS = 5;
const IN_FLIGHT = 100;
const TEXT = 'x'.repeat(960);

/**
 * Deliveries per second from rendering to the stored result, against a bare undici loop that sends the same bytes to the same
 * receiver. The activities run as in a worker, but without Temporal: it is they that are measured.
 */
export async function benchDeliveries(servers: Servers): Promise<string> {
  const { origins } = servers;
  for (const [at, origin] of origins.entries()) await servers.publish(`deliveries-${at}`, campaign(origin));
  const database = openDatabase(servers.databaseUrl, { max: 20, application: 'hookline bench' });
  const http = createHttp({ allowHttp: true, allowNetworks: ['127.0.0.0/8'] });
  const activities = createActivities({
    db: database.db,
    cipher: createCipher(servers.masterKey),
    versions: createCompiledVersions(),
    now: () => new Date(),
    send: { http, random: Math.random, firstDelayMs: 10_000, userAgent: 'Hookline/bench', breaker: true },
    stopping: new AbortController().signal,
    wakeLine: createWaker(database.db, 'line', () => {}),
    wakeInbox: createWaker(database.db, 'inbox', () => {}),
    wakeCommands: createWaker(database.db, 'commands', () => {}),
  });
  const agent = new Agent({ connections: IN_FLIGHT / origins.length });

  const deliver = async (journey: string) => {
    const prepared = await runIn(activities.prepare, { journey, step: 'hook', type: 'webhook' as const });
    if (prepared.type !== 'webhook') throw new Error(`the step came out as ${prepared.type}`);
    const sent = await runIn(activities.sendWebhook, { delivery: prepared.delivery });
    if (sent.state !== 'sent') throw new Error(`a delivery ended as ${sent.state}`);
  };
  const hookline = async () => {
    const entered = await enter(database.db, origins.length);
    return ratePerSecond(DELIVERIES_PER_ROUND, () => inFlight(entered, deliver));
  };
  const bare = () => {
    const requests = origins.map((origin) => Array<string>(BARE_REQUESTS_PER_ROUND / origins.length).fill(origin));
    return ratePerSecond(BARE_REQUESTS_PER_ROUND, () => inFlight(requests, (origin) => sendBare(agent, origin)));
  };

  const rates: Rates[] = [];
  for (let round = 0; round < WARM_UP_ROUNDS + COUNTED_ROUNDS; round += 1) {
    rates.push({ hookline: await hookline(), bare: await bare() });
  }
  await Promise.all([http.close(), agent.close(), database.close()]);
  const median = medianBy(rates.slice(WARM_UP_ROUNDS), ratioOf);
  const shown = `Hookline ${median.hookline.toFixed(0)}/s, bare undici ${median.bare.toFixed(0)}/s`;
  return `deliveries: ratio ${ratioOf(median).toFixed(3)} (${shown})`;
}

type Rates = { hookline: number; bare: number };

const ratioOf = (rates: Rates) => rates.hookline / rates.bare;

const runIn = <T, R>(activity: (input: T) => Promise<R>, input: T): Promise<R> =>
  new MockActivityEnvironment().run(activity, input);

/** Does the work of each destination's list, the same number at a time for each. */
async function inFlight<T>(lists: T[][], work: (item: T) => Promise<void>): Promise<void> {
  const lane = async (list: T[]) => {
    for (let item = list.pop(); item !== undefined; item = list.pop()) await work(item);
  };
  const lanes = lists.flatMap((list) => Array.from({ length: IN_FLIGHT / lists.length }, () => lane(list)));
  await Promise.all(lanes);
}

/** New people with a journey each at its first step, in equal lists for each destination. */
async function enter(db: Db, destinations: number): Promise<string[][]> {
  const length = DELIVERIES_PER_ROUND / destinations;
  const lists = Array.from({ length: destinations }, (_, at) =>
    Array.from({ length }, () => ({ key: newId('per'), journey: newId('jrn'), campaignId: `deliveries-${at}` })),
  );
  const all = lists.flat();
  await db.insert(people).values(all.map(({ key }) => ({ key, id: key, attributes: { name: 'Mary', plan: 'gold' } })));
  await db.insert(journeys).values(
    all.map(({ journey, key, campaignId }) => ({
      ...{ id: journey, personKey: key, campaignId },
      ...{ version: 1, state: 'starting' as const, cause: 'bench' },
    })),
  );
  return lists.map((list) => list.map(({ journey }) => journey));
}

const campaign = (origin: string) => ({
  steps: [
    {
      type: 'webhook',
      id: 'hook',
      url: `${origin}/hook`,
      body: { json: { id: '{{ customer.id }}', name: '{{ customer.name }}', text: TEXT } },
    },
  ],
});

/** As many bytes, in the same headers. */
async function sendBare(agent: Agent, origin: string): Promise<void> {
  const id = `dlv_${randomUUID()}`;
  const { body } = await request(`${origin}/hook`, {
    method: 'POST',
    headers: {
      'content-type': 'application/json',
      'idempotency-key': id,
      'user-agent': 'Hookline/bench',
      'webhook-id': id,
      'webhook-timestamp': '1700000000',
      'webhook-signature': `v1,${'A'.repeat(44)}`,
      'accept-encoding': 'identity',
    },
    body: JSON.stringify({ id, name: 'Mary', text: TEXT }),
    dispatcher: agent,
  });
  await body.json();
}
