import { once } from 'node:events';
import { connect } from 'node:net';
import { sql } from 'drizzle-orm';
import { describe, expect, it } from 'vitest';
import { journeys } from '../../db/schema/journeys.ts';
import { hang, respond, type Behaviour } from '../support/behaviours.ts';
import { createTestDatabase } from '../support/database.ts';
import { eventually } from '../support/eventually.ts';
import { holdTransaction, untilBlocked } from '../support/locks.ts';
import { prepareProcesses } from '../support/processes.ts';
import { startReceiver } from '../support/receiver.ts';

/** Everything that a test needs, of its own: these tests mostly wait for Temporal, so they do it at the same time. */
async function prepare(onTestFinished: (clean: () => Promise<void>) => void) {
  const [database, receiver] = await Promise.all([createTestDatabase(), startReceiver()]);
  const hookline = await prepareProcesses({ databaseUrl: database.url });
  onTestFinished(async () => {
    await hookline.stop();
    await receiver.close();
    await database.close();
  });
  const campaign = (event: string, path: string) => ({
    trigger: { type: 'event', event },
    steps: [
      {
        type: 'webhook',
        id: 'call',
        url: receiver.url(path),
        timeout: '30s',
        body: { json: { person: '{{ customer.id }}', at: '{{ now }}', amount: '{{ event.amount }}' } },
        response: { attributes: { crm_id: '{{ response.id }}' } },
      },
    ],
  });
  /** What each request to a path was made of: a repeat has to be the same, key and bytes. */
  const sentTo = (path: string) =>
    receiver.requests
      .filter((request) => request.url === path)
      .map((request) => ({ key: request.headers['idempotency-key'], body: request.body.toString() }));
  return { database, receiver, hookline, campaign, sentTo };
}

describe.concurrent('SIGKILL', () => {
  it('of the worker while it sends, or before it writes the answer, costs one attempt and no journey', async ({
    onTestFinished,
  }) => {
    const { database, receiver, hookline, campaign, sentTo } = await prepare(onTestFinished);
    let release = async () => {};
    /** The answer goes out when the delivery's row is held, so that the worker has it and cannot write it. */
    const answerThatCannotBeWritten: Behaviour = (socket, request) => {
      const delivery = request.headers['idempotency-key'];
      void holdTransaction(database.db, (tx) =>
        tx.execute(sql`select 1 from deliveries where id = ${delivery} for update`),
      ).then((end) => {
        release = end;
        respond({ json: { id: 1 } })(socket, request);
      });
    };
    receiver.on('/hangs', hang(), respond({ json: { id: 2 } }));
    receiver.on('/answers', answerThatCannotBeWritten, respond({ json: { id: 2 } }));

    const server = hookline.startServer();
    const first = hookline.startWorker();
    await Promise.all([server.ready, first.ready]);
    await hookline.publish('hangs', campaign('asked', '/hangs'));
    await hookline.publish('answers', campaign('told', '/answers'));
    await hookline.publish('burst', campaign('hurried', '/burst'));
    await hookline.api('POST', '/v1/events', { person: 'mid-send', name: 'asked', data: { amount: 7 } });
    await hookline.api('POST', '/v1/events', { person: 'before-write', name: 'told', data: { amount: 8 } });
    await receiver.waitFor(2);
    await untilBlocked(database.db, 'hookline worker');
    // Wherever the kill finds these: with the relay, on their way to Temporal, or in the worker's hands.
    const burst = Array.from({ length: 30 }, (_, index) => ({ person: `burst-${index}`, name: 'hurried' }));
    await hookline.api('POST', '/v1/events', burst);
    await eventually(async () => (await database.db.select().from(journeys)).length > 2);
    await first.kill();
    await release();

    const accepted = { id: 'last', person: 'after', name: 'asked' };
    expect((await hookline.api('POST', '/v1/events', accepted)).status).toBe(202);
    await server.kill();
    const second = hookline.startWorker();
    const serverAgain = hookline.startServer();
    await Promise.all([second.ready, serverAgain.ready]);

    for (const person of ['mid-send', 'before-write']) {
      const journey = await hookline.ended(person, 60_000);
      expect(journey).toMatchObject({
        state: 'completed',
        log: [{ what: 'rendered' }, { what: 'sent', status: 200, attempts: 2 }, { what: 'completed' }],
      });
      const { body } = await hookline.api('GET', `/v1/deliveries/${journey.deliveries[0]}`);
      expect(body).toMatchObject({
        state: 'sent',
        attempts: [
          { number: 1, class: 'unknown', status: null, error: { code: 'worker_lost' } },
          { number: 2, class: 'sent', status: 200 },
        ],
      });
      expect(await hookline.attributes(person)).toEqual({ crm_id: 2 });
    }
    expect(await hookline.ended('after')).toMatchObject({ state: 'completed' });
    for (const { person } of burst) expect(await hookline.ended(person, 60_000)).toMatchObject({ state: 'completed' });
    expect(await database.db.select().from(journeys)).toHaveLength(33);
    expect(new Set(sentTo('/burst').map(({ key }) => key)).size).toBe(30);
    expect(new Set(sentTo('/burst').map(({ body }) => body)).size).toBe(30);

    for (const [path, person] of [
      ['/hangs', 'mid-send'],
      ['/answers', 'before-write'],
    ] as const) {
      const [one, two, ...more] = sentTo(path).filter(({ body }) => body.includes(person));
      expect(one?.key).toMatch(/^dlv_/);
      expect(two).toEqual(one);
      expect(more).toEqual([]);
    }
  }, 120_000);
});

describe.concurrent('SIGTERM', () => {
  it('ends the worker in time with code 0, also twice, and a request that got no answer is sent again later', async ({
    onTestFinished,
  }) => {
    const { receiver, hookline, campaign, sentTo } = await prepare(onTestFinished);
    receiver.on('/hangs', hang(), respond({ json: { id: 2 } }));
    const server = hookline.startServer();
    const first = hookline.startWorker();
    await Promise.all([server.ready, first.ready]);
    await hookline.publish('hangs', campaign('asked', '/hangs'));
    await hookline.api('POST', '/v1/events', { person: 'ada', name: 'asked' });
    await receiver.waitFor(1);
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
    const sent = sentTo('/hangs');
    expect(sent).toHaveLength(2);
    expect(sent[1]).toEqual(sent[0]);
    expect(await Promise.all([second.terminate(), server.terminate()])).toEqual([0, 0]);
  }, 90_000);

  it('ends the server in time with code 0, also twice, and while a client is in the middle of a request', async ({
    onTestFinished,
  }) => {
    const { hookline } = await prepare(onTestFinished);
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
  }, 90_000);
});
