import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { sql } from 'drizzle-orm';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openDatabase } from '../../db/open.ts';
import { startPostgres, type Postgres } from '../../embedded/postgres.ts';
import { respond, type Behaviour } from '../support/behaviours.ts';
import { eventually } from '../support/eventually.ts';
import { lastingPort } from '../support/lasting-port.ts';
import { prepareProcesses, type Processes } from '../support/processes.ts';
import { startReceiver, type Receiver } from '../support/receiver.ts';

let dataDir: string;
let port: number;
let postgres: Postgres;
let receiver: Receiver;
let hookline: Processes;

beforeAll(async () => {
  dataDir = await mkdtemp(join(tmpdir(), 'hookline-postgres-'));
  port = await lastingPort();
  [postgres, receiver] = await Promise.all([startOwnPostgres(), startReceiver()]);
  hookline = await prepareProcesses({ databaseUrl: postgres.url });
});
afterAll(async () => {
  await hookline.stop();
  await postgres.child.stop();
  await receiver.close();
  await rm(dataDir, { recursive: true, force: true });
});

/** The same server each time: on the same port, with the same data. */
const startOwnPostgres = () => startPostgres({ dataDir, port, settings: { fsync: 'off' } });

const campaign = (event: string, before: object[]) => ({
  trigger: { type: 'event', event },
  steps: [
    ...before,
    {
      ...{ type: 'webhook', id: 'tell', url: receiver.url(`/${event}`), timeout: '30s' },
      body: { data: { it: 'happened' } },
    },
  ],
});

const post = (person: string, name: string) => hookline.api('POST', '/v1/events', { id: person, person, name });

describe('a restart of Postgres', () => {
  it('answers 503 meanwhile; then everything goes on, without a restart, and no request is sent twice', async () => {
    const server = hookline.startServer();
    const worker = hookline.startWorker();
    await Promise.all([server.ready, worker.ready]);
    await hookline.publish('slow', campaign('answered_late', []));
    await hookline.publish('asleep', campaign('slept', [{ type: 'delay', for: '5s' }]));
    let answer = () => {};
    const later: Behaviour = (socket, request) => (answer = () => respond({ json: {} })(socket, request));
    receiver.on('/answered_late', later, respond({ json: {} }));
    await post('waits-for-answer', 'answered_late');
    await receiver.waitFor(1);
    await post('sleeps', 'slept');
    await eventually(async () => {
      const { body } = await hookline.api<{ data: { state: string }[] }>('GET', '/v1/journeys?person=sleeps');
      return body.data[0]?.state === 'delayed';
    });

    await postgres.child.stop();
    answer();
    const refused = await post('too-early', 'answered_late');
    expect(refused).toMatchObject({
      status: 503,
      body: { code: 'internal.unavailable', status: 503, requestId: expect.stringMatching(/^req_/) },
    });
    expect(refused.headers.get('content-type')).toMatch('application/problem+json');
    expect(refused.headers.get('retry-after')).toBe('1');
    expect(await hookline.api('GET', '/readyz')).toMatchObject({
      status: 503,
      body: { missing: 'Postgres cannot be reached' },
    });
    expect((await hookline.api('GET', '/healthz')).status).toBe(200);
    expect((await fetch(`${hookline.url}/metrics`)).status).toBe(200);
    // Until after the end of the delay, so that its journey finds nothing to read.
    const from = performance.now();
    await eventually(async () => performance.now() - from > 5_500);

    postgres = await startOwnPostgres();
    expect(
      (await eventually(async () => post('too-early', 'answered_late').then((sent) => sent.status === 202 && sent)))
        .body,
    ).toMatchObject({ accepted: 1 });
    for (const person of ['waits-for-answer', 'sleeps', 'too-early']) {
      expect(await hookline.ended(person, 45_000)).toMatchObject({ state: 'completed' });
    }
    const urls = receiver.requests.map((request) => request.url);
    expect(urls.toSorted()).toEqual(['/answered_late', '/answered_late', '/slept']);

    const reader = openDatabase(postgres.url, { max: 1, application: 'hookline test' });
    await eventually(async () => {
      const listening = await reader.db.execute<{ application_name: string }>(
        sql`select application_name from pg_stat_activity where query like 'listen%' order by 1`,
      );
      return listening.map((each) => each.application_name).join() === 'hookline server,hookline worker';
    });
    await reader.close();

    await postgres.child.stop();
    expect(await Promise.all([server.terminate(), worker.terminate()])).toEqual([0, 0]);
  }, 120_000);
});
