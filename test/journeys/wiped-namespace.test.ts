import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Client, Connection } from '@temporalio/client';
import pino from 'pino';
import { afterAll, beforeAll, expect, inject, it } from 'vitest';
import { startTemporal, type Temporal } from '../../embedded/temporal.ts';
import { readNamespaceId } from '../../relay/namespace-id.ts';
import { registerSearchAttributes } from '../../relay/search-attributes.ts';
import { createWatch } from '../../relay/watch.ts';
import { respond } from '../support/behaviours.ts';
import { eventually } from '../support/eventually.ts';
import { startHookline, type Hookline } from '../support/hookline.ts';
import { lastingPort } from '../support/lasting-port.ts';
import { startReceiver, type Receiver } from '../support/receiver.ts';

const log = pino({ level: 'silent' });

let folder: string;
let port: number;
let temporal: Temporal;
let hookline: Hookline;
let receiver: Receiver;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'hookline-wiped-'));
  port = await lastingPort();
  await startEmptyTemporal();
  const connection = await Connection.connect({ address: temporal.address });
  await registerSearchAttributes(new Client({ connection }), 'default', log);
  await connection.close();
  [hookline, receiver] = await Promise.all([
    startHookline({ temporalAddress: temporal.address, retryFirstDelayMs: 8_000 }),
    startReceiver(),
  ]);
});
afterAll(async () => {
  await hookline.stop();
  await Promise.all([temporal.child.stop(), receiver.close()]);
  await rm(folder, { recursive: true, force: true });
});

/** A server that knows nothing, on the same port each time. */
async function startEmptyTemporal() {
  temporal = await startTemporal({
    ...{ binary: inject('temporalBinary'), dataDir: folder, inMemory: true, uiPort: false as const, port },
  });
}

type Listed = { data: { id: string; state: string; step: { id: string } | null }[] };
type Delivery = { id: string; state: string; attempts: { class: string }[]; resends: { endedAt: string | null }[] };

async function enter(person: string, state: string): Promise<string> {
  await hookline.api('POST', '/v1/events', { person, name: person });
  const { id } = await eventually(async () => {
    const { body } = await hookline.api<Listed>('GET', `/v1/journeys?person=${person}&state=${state}`);
    return body.data[0];
  });
  return id;
}
const publish = (id: string, steps: object[]) => hookline.publish(id, { trigger: { type: 'event', event: id }, steps });
const delivery = async (id: string) => (await hookline.api<Delivery>('GET', `/v1/deliveries/${id}`)).body;
const deliveriesOf = async (person: string) =>
  (await hookline.api<{ data: Delivery[] }>('GET', `/v1/deliveries?person=${person}`)).body.data;
const attempted = (id: string, times: number) =>
  eventually(async () => {
    const { attempts } = await delivery(id);
    return attempts.length >= times && attempts.every(({ class: outcome }) => outcome !== 'started');
  });
const path = (name: string) => receiver.requests.filter(({ url }) => url === `/${name}`).length;

it(
  'all that goes on when a namespace is wiped goes on in the empty one, and sends once',
  { timeout: 120_000 },
  async () => {
    const url = (name: string) => receiver.url(`/${name}`);
    const mapped = { response: { attributes: { seen: 'yes' } } };
    for (const name of ['retried', 'draft', 'sent']) receiver.on(`/${name}`, respond({ status: 503 }), respond());
    receiver.on('/again', respond({ status: 400 }), respond({ status: 503 }), respond());
    await publish('delayed', [
      { type: 'delay', for: '6s' },
      { type: 'webhook', id: 'tell', url: url('delayed') },
    ]);
    await publish('waiting', [
      { type: 'wait', id: 'pay', event: 'paid', timeout: '1h' },
      { type: 'webhook', id: 'tell', url: url('waiting') },
    ]);
    await publish('held', [{ type: 'webhook', id: 'ask', url: url('held'), send: 'draft', ...mapped }]);
    await publish('retried', [{ type: 'webhook', id: 'tell', url: url('retried') }]);
    await publish('paced', [{ type: 'webhook', id: 'tell', url: url('paced'), rateLimit: '6/m' }]);
    await publish('draft', [{ type: 'webhook', id: 'later', url: url('draft'), send: 'draft' }]);
    await hookline.api('PUT', '/v1/webhooks/sent', { url: url('sent') });
    await hookline.api('PUT', '/v1/webhooks/again', { url: url('again') });

    const waiting = await enter('waiting', 'waiting');
    const held = await enter('held', 'awaitingApproval');
    await enter('draft', 'completed');
    const [draft] = await deliveriesOf('draft');
    await hookline.api('POST', `/v1/deliveries/${draft?.id}/approve`);
    await hookline.api('POST', '/v1/events', { person: 'first', name: 'paced' });
    await hookline.ended('first');
    await hookline.api('POST', '/v1/events', { person: 'paced', name: 'paced' });
    await hookline.api('PUT', '/v1/people/ann', { attributes: {} });
    const send = async (webhook: string) => {
      const { body } = await hookline.api<{ delivery: { id: string } }>('POST', `/v1/webhooks/${webhook}/send`, {
        person: 'ann',
      });
      return body.delivery.id;
    };
    const sent = await send('sent');
    const again = await send('again');
    await attempted(again, 1);
    await hookline.api('POST', `/v1/deliveries/${again}/resend`, { retry: true });
    await attempted(again, 2);
    await enter('retried', 'sending');
    await enter('delayed', 'delayed');
    await Promise.all([attempted(sent, 1), attempted(draft?.id ?? '', 1)]);
    await eventually(async () => path('retried') >= 1);
    const [parked] = await eventually(async () => {
      const found = await deliveriesOf('paced');
      return found.length === 1 && found;
    });

    const before = await readNamespaceId(hookline.client);
    await temporal.child.stop();
    await startEmptyTemporal();
    await eventually(() =>
      readNamespaceId(hookline.client).then(
        (id) => id !== before,
        () => false,
      ),
    );
    const look = createWatch({
      ...{ db: hookline.database.db, client: hookline.client, taskQueue: hookline.taskQueue, log },
      now: () => new Date(),
      random: () => 0,
      onRestart: () => {},
      namespaceId: () => readNamespaceId(hookline.client),
      onNewNamespace: () => registerSearchAttributes(hookline.client, 'default', log),
      signal: new AbortController().signal,
    });
    await eventually(
      () =>
        look().then(
          (left) => left === 0,
          () => false,
        ),
      40_000,
    );

    await hookline.api('POST', '/v1/events', { person: 'waiting', name: 'paid' });
    const [question] = await deliveriesOf('held');
    await hookline.api('POST', `/v1/deliveries/${question?.id}/approve`);
    for (const person of ['delayed', 'waiting', 'held', 'retried', 'paced'])
      expect(await hookline.ended(person, 60_000)).toMatchObject({ state: 'completed' });
    for (const id of [sent, draft?.id ?? '', parked?.id ?? ''])
      await eventually(async () => (await delivery(id)).state === 'sent', 60_000);
    await eventually(async () => (await delivery(again)).resends.every(({ endedAt }) => endedAt !== null), 60_000);

    for (const name of ['delayed', 'waiting', 'held']) expect(path(name)).toBe(1);
    for (const name of ['retried', 'draft', 'sent', 'paced']) expect(path(name)).toBe(2);
    expect(path('again')).toBe(3);
    for (const id of [waiting, held])
      expect(await hookline.client.workflow.getHandle(`journey/${id}/1`).result()).toBeUndefined();
  },
);
