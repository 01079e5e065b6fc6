import { once } from 'node:events';
import { connect } from 'node:net';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { hang, respond } from '../support/behaviours.ts';
import { createTestDatabase, type TestDatabase } from '../support/database.ts';
import { prepareProcesses, type Processes } from '../support/processes.ts';
import { startReceiver, type Receiver } from '../support/receiver.ts';

let database: TestDatabase;
let receiver: Receiver;
let hookline: Processes;

beforeAll(async () => {
  [database, receiver] = await Promise.all([createTestDatabase(), startReceiver()]);
});
beforeEach(async () => {
  hookline = await prepareProcesses({ databaseUrl: database.url });
});
afterEach(() => hookline.stop());
afterAll(async () => {
  await receiver.close();
  await database.close();
});

describe('SIGTERM', () => {
  it('ends the worker in time with code 0, also twice, and a request that got no answer is sent again later', async () => {
    receiver.on('/hangs', hang(), respond({ json: { id: 2 } }));
    const server = hookline.startServer();
    const first = hookline.startWorker();
    await Promise.all([server.ready, first.ready]);
    await hookline.publish('hangs', {
      trigger: { type: 'event', event: 'asked' },
      steps: [
        {
          type: 'webhook',
          id: 'call',
          url: receiver.url('/hangs'),
          timeout: '30s',
          body: { data: { it: 'happened' } },
        },
      ],
    });
    await hookline.api('POST', '/v1/events', { person: 'ada', name: 'asked' });
    await receiver.waitFor(1, 15_000);
    expect(await first.terminate(2)).toBe(0);

    const second = hookline.startWorker();
    await second.ready;
    const journey = await hookline.ended('ada', 45_000);
    expect(journey).toMatchObject({ state: 'completed' });
    const { body } = await hookline.api('GET', `/v1/deliveries/${journey.deliveries[0]}`);
    expect(body).toMatchObject({
      state: 'sent',
      attempts: [
        { number: 1, class: 'unknown', status: null },
        { number: 2, class: 'sent', status: 200 },
      ],
    });
    const sent = receiver.requests.map(({ headers, body: bytes }) => [headers['idempotency-key'], bytes.toString()]);
    expect(sent).toHaveLength(2);
    expect(sent[1]).toEqual(sent[0]);
    expect(await Promise.all([second.terminate(), server.terminate()])).toEqual([0, 0]);
  }, 90_000);

  it('ends the server in time with code 0, also twice, and while a client is in the middle of a request', async () => {
    const server = hookline.startServer();
    await server.ready;
    const socket = connect(Number(new URL(hookline.url).port), '127.0.0.1');
    socket.on('error', () => {});
    await once(socket, 'connect');
    socket.write('POST /v1/events HTTP/1.1\r\nHost: localhost\r\nContent-Length: 100\r\n\r\n{"person":');
    // Connections are taken in order: when this request is answered, the server has the half one too.
    expect((await hookline.api('GET', '/healthz')).status).toBe(200);
    expect(await server.terminate(2)).toBe(0);
    socket.destroy();
  });
});
