import { afterAll, beforeAll, expect, it } from 'vitest';
import { respond } from '../support/behaviours.ts';
import { eventually } from '../support/eventually.ts';
import { startHookline, type Hookline } from '../support/hookline.ts';
import { startReceiver, type Receiver } from '../support/receiver.ts';

let hookline: Hookline;
let slow: Receiver;
let healthy: Receiver;

beforeAll(async () => {
  [hookline, slow, healthy] = await Promise.all([startHookline(), startReceiver(), startReceiver()]);
});
afterAll(async () => {
  await hookline.stop();
  await Promise.all([slow.close(), healthy.close()]);
});

type Destination = { origin: string; inFlight: number; parked: { slot: number } };

async function destination(origin: string): Promise<Destination | undefined> {
  const { body } = await hookline.api<{ data: Destination[] }>('GET', '/v1/destinations');
  return body.data.find((each) => each.origin === origin);
}

async function completed(campaign: string): Promise<number> {
  const path = `/v1/journeys?campaign=${campaign}&state=completed&limit=200`;
  return (await hookline.api<{ data: unknown[] }>('GET', path)).body.data.length;
}

it('forty-five deliveries to a receiver that holds its answers: 20 are in flight, the others in line, and all arrive in the end', async () => {
  let answer = () => {};
  const answered = new Promise<void>((resolve) => (answer = resolve));
  slow.on('/slow', (socket, request) => void answered.then(() => respond({ json: {} })(socket, request)));
  const campaign = (event: string, url: string) => ({
    trigger: { type: 'event', event },
    steps: [{ type: 'webhook', id: 'tell', url, timeout: '60s' }],
  });
  await hookline.publish('slow', campaign('slow', slow.url('/slow')));
  await hookline.publish('healthy', campaign('healthy', healthy.url('/healthy')));

  const events = (name: string, count: number) =>
    Array.from({ length: count }, (_, each) => ({ person: `${name}-${each}`, name }));
  await hookline.api('POST', '/v1/events', events('slow', 45));
  const full = await eventually(async () => {
    const seen = await destination(slow.origin);
    return seen?.parked.slot === 25 && seen;
  }, 30_000);
  expect(full).toMatchObject({ inFlight: 20, limit: 20, breaker: { state: 'closed' } });

  const { body: waiting } = await hookline.api<{
    data: { step: { waitsFor: string }; deliveries: string[]; id: string }[];
  }>('GET', '/v1/journeys?campaign=slow&state=sending&limit=200');
  const inLine = waiting.data.filter(({ step }) => /^a slot at its destination, since .*Z$/.test(step.waitsFor));
  expect(inLine).toHaveLength(25);
  const journey = await hookline.api<{ deliveries: string[] }>('GET', `/v1/journeys/${inLine[0]?.id}`);
  expect((await hookline.api('GET', `/v1/deliveries/${journey.body.deliveries[0]}`)).body).toMatchObject({
    state: 'queued',
    waitsFor: { reason: 'slot', until: null },
    attempts: [],
  });

  await hookline.api('POST', '/v1/events', events('healthy', 5));
  await eventually(async () => (await completed('healthy')) === 5);
  expect(slow.requests).toHaveLength(20);
  expect((await destination(slow.origin))?.inFlight).toBe(20);

  answer();
  await eventually(async () => (await completed('slow')) === 45, 30_000);
  expect(new Set(slow.requests.map(({ headers }) => headers['idempotency-key'])).size).toBe(45);
  expect(slow.requests).toHaveLength(45);
  expect(await destination(slow.origin)).toMatchObject({ inFlight: 0, parked: { slot: 0, oldestSince: null } });
}, 90_000);
