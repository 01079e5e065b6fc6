import { Pool } from 'undici';
import { freePorts } from '../embedded/free-port.ts';
import { medianBy } from './measure.ts';
import type { Servers } from './servers.ts';

const CONNECTIONS = 50;
const ROUND_MS = 4_000;
const WARM_UP_ROUNDS = 1;
const COUNTED_ROUNDS = 3;
const LIST = 100;
const FLOOR = 0.7;
const LIST_FLOOR = 10;

type Figures = { perSecond: number; p99: number };
type Round = { single: Figures; bare: Figures; lists: Figures };

/**
 * Events per second that `POST /v1/events` takes one by one, over 50 connections, against a bare Express handler that inserts one row;
 * and in lists of 100. Both have a database of their own and no worker: what that does with events is `matching`.
 */
export async function benchEvents(servers: Servers): Promise<string> {
  const [hookline, bare] = await startApis(servers);
  const headers = { authorization: `Bearer ${servers.adminKey}`, 'content-type': 'application/json' };
  let count = 0;
  const event = () => ({ person: `person-${(count += 1) % 5_000}`, name: 'seen', data: { page: '/prices', count } });
  const post = async (pool: Pool, path: string, body: unknown) => {
    const answer = await pool.request({ method: 'POST', path, headers, body: JSON.stringify(body) });
    const text = await answer.body.text();
    if (answer.statusCode !== 202) throw new Error(`POST ${path}: ${text}`);
  };
  const rounds: Round[] = [];
  for (let round = 0; round < WARM_UP_ROUNDS + COUNTED_ROUNDS; round += 1) {
    rounds.push({
      single: await measure(1, () => post(hookline, '/v1/events', event())),
      bare: await measure(1, () => post(bare, '/events', event())),
      lists: await measure(LIST, () => post(hookline, '/v1/events', Array.from({ length: LIST }, event))),
    });
  }
  await Promise.all([hookline.close(), bare.close()]);
  const median = medianBy(rounds.slice(WARM_UP_ROUNDS), ({ single, bare: base }) => single.perSecond / base.perSecond);
  const { single, bare: base, lists } = median;
  const shown = ({ perSecond, p99 }: Figures) => `${perSecond.toFixed(0)}/s, p99 ${p99.toFixed(0)} ms`;
  return [
    `events: ratio ${(single.perSecond / base.perSecond).toFixed(2)}, floor ${FLOOR} (one by one ${shown(single)}; bare insert ${shown(base)})`,
    `event lists: ${(lists.perSecond / single.perSecond).toFixed(1)} times as many, floor ${LIST_FLOOR} (lists of ${LIST}: ${shown(lists)})`,
  ].join('\n');
}

async function startApis({ databaseUrl, database, start }: Servers): Promise<[Pool, Pool]> {
  const [port = 0, barePort = 0] = await freePorts(2);
  await database`create database events`;
  const url = Object.assign(new URL(databaseUrl), { pathname: '/events' }).href;
  await Promise.all([
    start('events-server', ['server.ts'], { PORT: String(port), DATABASE_URL: url }),
    start('bare-api', ['bench/bare-api.ts', String(barePort), url]),
  ]);
  const pool = (each: number) => new Pool(`http://127.0.0.1:${each}`, { connections: CONNECTIONS });
  return [pool(port), pool(barePort)];
}

/** As many at a time as there are connections, each beginning the next when one is answered. */
async function measure(each: number, run: () => Promise<void>): Promise<Figures> {
  const times: number[] = [];
  const startedAt = performance.now();
  const worker = async () => {
    while (performance.now() - startedAt < ROUND_MS) {
      const from = performance.now();
      await run();
      times.push(performance.now() - from);
    }
  };
  await Promise.all(Array.from({ length: CONNECTIONS }, worker));
  const seconds = (performance.now() - startedAt) / 1000;
  const p99 = times.toSorted((a, b) => a - b)[Math.floor(times.length * 0.99)] ?? 0;
  return { perSecond: (times.length * each) / seconds, p99 };
}
