import { Client, Connection } from '@temporalio/client';
import pino from 'pino';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { commands } from '../../db/schema/journeys.ts';
import { createCompiledVersions } from '../../compiled-versions.ts';
import { startRelay } from '../../relay/relay.ts';
import { respond } from '../support/behaviours.ts';
import { eventually } from '../support/eventually.ts';
import { startHookline, type Hookline } from '../support/hookline.ts';
import { startReceiver, type Receiver } from '../support/receiver.ts';

let hookline: Hookline;
let receiver: Receiver;
let relay: Awaited<ReturnType<typeof startRelay>> | undefined;

beforeAll(async () => {
  [hookline, receiver] = await Promise.all([startHookline({ relays: 0, retryFirstDelayMs: 2_000 }), startReceiver()]);
  relay = await relayTo(hookline.client);
});
afterAll(async () => {
  await relay?.stop();
  await hookline.stop();
  await receiver.close();
});

const relayTo = (client: Client) =>
  startRelay({
    database: hookline.database,
    cipher: hookline.cipher,
    versions: createCompiledVersions(),
    destinations: hookline.destinations,
    client,
    taskQueue: hookline.taskQueue,
    withSearchAttributes: true,
    breaker: false,
    retention: { retentionMs: null, eventRetentionMs: null },
    startsPerSecond: 200,
    now: () => new Date(),
    log: pino({ level: 'silent' }),
  });

type Delivery = {
  id: string;
  state: string;
  waitsFor: { reason: string } | null;
  attempts: { trigger: string }[];
  resends: { id: string; endedAt: string | null }[];
};
type List = { data: Delivery[] };

const get = async (id: string) => (await hookline.api<Delivery>('GET', `/v1/deliveries/${id}`)).body;
const resend = (id: string, body?: object) =>
  hookline.api<Delivery & { code: string }>('POST', `/v1/deliveries/${id}/resend`, body);
const ended = (id: string) => eventually(async () => (await get(id)).resends.at(-1)?.endedAt);
const requestsOf = (id: string) => receiver.requests.filter(({ headers }) => headers['idempotency-key'] === id);

/** Takes people through a campaign with one webhook; answers their deliveries when they are settled. */
async function deliver(name: string, people: number, fields: object = {}): Promise<Delivery[]> {
  const webhook = { type: 'webhook', id: 'tell', url: receiver.url(`/${name}`), ...fields };
  await hookline.publish(name, { trigger: { type: 'event', event: name }, steps: [webhook] });
  const events = Array.from({ length: people }, (_, each) => ({ person: `${name}-${each}`, name }));
  await hookline.api('POST', '/v1/events', events);
  return eventually(async () => {
    const { data } = (await hookline.api<List>('GET', `/v1/deliveries?campaign=${name}&limit=200`)).body;
    return data.length === people && data.every(({ state }) => state === 'sent' || state === 'failed') && data;
  }, 45_000);
}

describe('POST /v1/deliveries/:id/resend', () => {
  it('makes one more attempt, however many ask at once, and none meanwhile', async () => {
    let answer = () => {};
    const answered = new Promise<void>((resolve) => (answer = resolve));
    receiver.on('/clicks', respond(), (socket, request) => void answered.then(() => respond()(socket, request)));
    const [{ id } = { id: '' }] = await deliver('clicks', 1);

    const answers = await Promise.all(Array.from({ length: 20 }, () => resend(id, { reason: 'they lost it' })));
    expect(answers.filter(({ status }) => status === 200)).toMatchObject([
      { body: { id, state: 'sent', resends: [{ by: { key: 'admin' }, reason: 'they lost it', endedAt: null }] } },
    ]);
    expect(answers.filter(({ body }) => body.code === 'deliveries.under_way')).toHaveLength(19);
    await eventually(async () => requestsOf(id).length === 2);
    expect(await resend(id)).toMatchObject({ status: 409, body: { code: 'deliveries.under_way' } });
    answer();
    await ended(id);
    const { attempts, resends, state } = await get(id);
    expect(attempts.map(({ trigger }) => trigger)).toEqual(['automatic', 'manual']);
    expect(state).toBe('sent');
    await hookline.client.workflow.getHandle(`resend/${resends[0]?.id}`).result();
    expect(requestsOf(id)).toHaveLength(2);
  });

  it('with retry goes on until it is sent, and its answer is mapped', async () => {
    receiver.on('/back', respond({ status: 400 }), respond({ status: 503 }), respond({ json: { lead: 7 } }));
    const [{ id } = { id: '' }] = await deliver('back', 1, {
      response: { attributes: { lead: '{{ response.lead }}' } },
    });
    expect((await get(id)).state).toBe('failed');
    await hookline.ended('back-0');
    expect((await resend(id, { retry: true })).status).toBe(200);
    await eventually(async () => (await get(id)).waitsFor?.reason === 'retry');
    await ended(id);
    expect(await get(id)).toMatchObject({ state: 'sent', waitsFor: null, error: null, mapping: { state: 'applied' } });
    expect(await hookline.attributes('back-0')).toEqual({ lead: 7 });
  });

  it('is kept while Temporal is away', async () => {
    const [{ id } = { id: '' }] = await deliver('away', 1);
    await relay?.stop();
    const nowhere = new Client({ connection: Connection.lazy({ address: '127.0.0.1:1', interceptors: [] }) });
    const lost = await relayTo(nowhere);
    const { status, body } = await resend(id);
    expect(status).toBe(200);
    await lost.stop();
    await nowhere.connection.close();
    const workflowId = `resend/${body.resends[0]?.id}`;
    expect(await hookline.database.db.select().from(commands)).toMatchObject([{ workflowId, tries: 0 }]);

    relay = await relayTo(hookline.client);
    await ended(id);
    expect(requestsOf(id)).toHaveLength(2);
  });

  it('is refused with its own code where there is nothing to send again', async () => {
    const [{ id } = { id: '' }] = await deliver('unrendered', 1, { url: 'https://a.example/{{ customer.no }}' });
    expect(await resend(id)).toMatchObject({ status: 409, body: { code: 'deliveries.not_rendered' } });
    expect(await resend('dlv_unknown')).toMatchObject({ status: 404, body: { code: 'deliveries.not_found' } });
    await deliver('unwanted', 0, { send: 'never' });
    await hookline.api('POST', '/v1/events', { person: 'zoe', name: 'unwanted' });
    const skipped = await eventually(
      async () => (await hookline.api<List>('GET', '/v1/deliveries?campaign=unwanted')).body.data[0],
    );
    expect(await resend(skipped.id)).toMatchObject({ status: 409, body: { code: 'deliveries.not_settled' } });
  });
});

describe('POST /v1/deliveries/resend', () => {
  const resendMany = (body: object) =>
    hookline.api<{ matched: number; decided: number; job: { id: string } }>('POST', '/v1/deliveries/resend', body);

  it('sends again what has failed while a receiver was down, 20 at a time, and nothing else', async () => {
    let inFlight = 0;
    let most = 0;
    const isDown = { now: true };
    receiver.on('/down', (socket, request) => {
      const status = isDown.now ? 400 : 200;
      inFlight += 1;
      most = Math.max(most, inFlight);
      setTimeout(() => {
        inFlight -= 1;
        respond({ status, json: { lead: 7 } })(socket, request);
      }, 5);
    });
    await deliver('down', 45, { response: { attributes: { lead: '{{ response.lead }}' } } });
    isDown.now = false;
    const late = await deliver('fine', 1, { url: receiver.url('/down') });

    const filter = { host: new URL(receiver.origin).host, createdAfter: '2000-01-01T00:00:00Z', campaign: 'down' };
    expect((await resendMany({ filter, dryRun: true })).body.matched).toBe(45);
    expect((await resendMany({ filter: { ...filter, state: 'sent' }, dryRun: true })).body.matched).toBe(0);
    expect((await resendMany({ filter, expect: 44 })).status).toBe(409);
    expect(await resendMany({ filter, expect: 45 })).toMatchObject({
      status: 200,
      body: { decided: 45, refused: [] },
    });
    await eventually(async () => {
      const { data } = (await hookline.api<List>('GET', '/v1/deliveries?campaign=down&limit=200')).body;
      return data.every(({ state, attempts }) => state === 'sent' && attempts.length === 2);
    }, 30_000);
    expect(most).toBeLessThanOrEqual(20);
    expect(await hookline.attributes('down-44')).toEqual({ lead: 7 });
    expect(requestsOf(late[0]?.id ?? '')).toHaveLength(1);
  }, 90_000);
});
