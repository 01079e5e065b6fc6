import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, inject, it } from 'vitest';
import { startPostgres, type Postgres } from '../../embedded/postgres.ts';
import { freePorts } from '../../embedded/free-port.ts';
import { startTemporal, type Temporal } from '../../embedded/temporal.ts';
import { respond } from '../support/behaviours.ts';
import { eventually } from '../support/eventually.ts';
import { prepareProcesses, type Processes } from '../support/processes.ts';
import { startReceiver, type Receiver } from '../support/receiver.ts';

let dataDir: string;
let temporalPort: number;
let postgres: Postgres;
let temporal: Temporal;
let receiver: Receiver;
let hookline: Processes;

beforeAll(async () => {
  dataDir = await mkdtemp(join(tmpdir(), 'hookline-draft-'));
  [temporalPort = 0] = await freePorts(1);
  [postgres, receiver] = await Promise.all([startPostgres({ dataDir, settings: { fsync: 'off' } }), startReceiver()]);
  await startOwnTemporal();
  const temporalAddress = `127.0.0.1:${temporalPort}`;
  hookline = await prepareProcesses({ databaseUrl: postgres.url, temporalAddress });
  receiver.on('/lead', respond({ json: { lead: 7 } }));
});
afterAll(async () => {
  await hookline.stop();
  await Promise.all([postgres.child.stop(), temporal.child.stop(), receiver.close()]);
  await rm(dataDir, { recursive: true, force: true });
});

/** The same server each time: on the same port, with the same file. */
async function startOwnTemporal() {
  const options = { binary: inject('temporalBinary'), dataDir, uiPort: false as const, port: temporalPort };
  temporal = await startTemporal(options);
}

type Draft = { id: string; state: string };
const drafts = async () => (await hookline.api<{ data: Draft[] }>('GET', '/v1/deliveries?state=drafted')).body.data;

it('a draft that is held over a restart of everything is approved while Temporal is away, and sent once', async () => {
  const first = [hookline.startServer(), hookline.startWorker()];
  await Promise.all(first.map((each) => each.ready));
  await hookline.publish('leads', {
    trigger: { type: 'event', event: 'asked' },
    steps: [
      {
        type: 'webhook',
        id: 'lead',
        url: receiver.url('/lead'),
        send: 'draft',
        response: { attributes: { lead: '{{ response.lead }}' } },
      },
    ],
  });
  await hookline.api('POST', '/v1/events', { person: 'ann', name: 'asked' });
  const [draft] = await eventually(async () => ((await drafts()).length === 1 ? drafts() : null));

  await Promise.all(first.map((each) => each.kill()));
  await Promise.all([postgres.child.stop(), temporal.child.stop()]);
  postgres = await startPostgres({ dataDir, port: postgres.port, settings: { fsync: 'off' } });

  const server = hookline.startServer();
  await server.ready;
  expect(await drafts()).toMatchObject([{ id: draft?.id, state: 'drafted' }]);
  expect((await hookline.api('POST', `/v1/deliveries/${draft?.id}/approve`)).status).toBe(200);
  await startOwnTemporal();
  await hookline.startWorker().ready;

  await hookline.ended('ann', 60_000);
  expect(await hookline.attributes('ann')).toEqual({ lead: 7 });
  expect(receiver.requests.map(({ headers }) => headers['idempotency-key'])).toEqual([draft?.id]);
}, 180_000);
