import { ApplicationFailure } from '@temporalio/activity';
import { asc } from 'drizzle-orm';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { listDestinations } from '../../db/destination-list.ts';
import { commands } from '../../db/schema/journeys.ts';
import { parked } from '../../db/schema/destinations.ts';
import { releaseParked } from '../../relay/release.ts';
import { runIn, startActivities, type TestActivities } from '../support/activities.ts';
import { eventually } from '../support/eventually.ts';
import { hang, respond, type Behaviour } from '../support/behaviours.ts';
import { startReceiver, type Receiver } from '../support/receiver.ts';

let test: TestActivities;
let receiver: Receiver;

beforeAll(async () => {
  test = await startActivities();
});
afterAll(() => test.stop());

/** A destination of its own for each test. */
beforeEach(async () => {
  await test.db.delete(parked);
  receiver = await startReceiver();
  return () => receiver.close();
});

/** Deliveries to the test's destination, each of a journey of its own, ready to be sent. */
async function deliveries(count: number, fields: object = {}): Promise<string[]> {
  const step = { type: 'webhook', id: 'tell', url: receiver.url('/hook'), ...fields };
  const ids: string[] = [];
  for (let each = 0; each < count; each += 1) {
    ids.push(await test.freeze(await test.enter('letter', { steps: [step] }), 'tell'));
  }
  return ids;
}

/** What sending comes to, as a word: a state, or `retry`. */
async function send(id: string, options: { breaker?: boolean } = {}): Promise<string> {
  try {
    const sent = await runIn(test.another(options).sendWebhook, { delivery: id });
    return sent.state === 'parked' ? sent.reason : sent.state;
  } catch (error) {
    if (error instanceof ApplicationFailure) return 'retry';
    throw error;
  }
}

/** Who waits, the oldest first. */
const line = async () => {
  const rows = await test.db.select().from(parked).orderBy(asc(parked.since), asc(parked.deliveryId));
  return rows.map(({ deliveryId }) => deliveryId);
};

const release = () => releaseParked(test.db, { now: test.clock.now, breaker: true });

/** Who was told to come since the last question, in order. */
async function told(): Promise<string[]> {
  const rows = await test.db.select().from(commands).orderBy(asc(commands.id));
  await test.db.delete(commands);
  return rows.flatMap(({ command }) => (command.type === 'wake' ? [command.subject] : []));
}

async function figures() {
  const { data } = await listDestinations(
    test.db,
    { limit: 200, order: 'asc' },
    { now: test.clock.now, since: test.clock.now },
  );
  return data.find(({ origin }) => origin === receiver.origin);
}

/** Holds each answer until `open` is called; afterwards answers come at once. */
function gate(): { behaviour: Behaviour; open: () => void } {
  let open = () => {};
  const opened = new Promise<void>((resolve) => (open = resolve));
  return {
    behaviour: (socket, request) => void opened.then(() => respond({ json: {} })(socket, request)),
    open: () => open(),
  };
}

describe('slots', () => {
  it('are 20, however many come at once; who finds none waits in line, and the oldest come first', async () => {
    const { behaviour, open } = gate();
    receiver.on('/hook', behaviour);
    const ids = await deliveries(50);
    const sending = ids.map((id) => send(id));
    await receiver.waitFor(20);
    await eventually(async () => (await line()).length === 30);
    expect(await figures()).toMatchObject({ inFlight: 20, parked: { slot: 30 } });
    expect(await release()).toBe(0);

    open();
    const outcomes = await Promise.all(sending);
    expect(outcomes.filter((outcome) => outcome === 'slot')).toHaveLength(30);
    expect(receiver.requests).toHaveLength(20);

    const parkedIds = await line();
    expect(await release()).toBe(20);
    expect(await told()).toEqual(parkedIds.slice(0, 20));
    expect(await release()).toBe(0);

    const [newcomer = ''] = await deliveries(1);
    expect(await send(newcomer)).toBe('slot');
    expect(await send(parkedIds[29] ?? '')).toBe('slot');
    for (const id of parkedIds.slice(0, 20)) expect(await send(id)).toBe('sent');
    expect(await release()).toBe(11);
    expect(await told()).toEqual([...parkedIds.slice(20), newcomer]);
  });

  it('of attempts that were lost with their worker are free again after their time', async () => {
    receiver.on('/hook', hang());
    const [lost = '', next = ''] = await deliveries(2, { timeout: '2s' });
    void send(lost).catch(() => {});
    await receiver.waitFor(1);
    expect(await figures()).toMatchObject({ inFlight: 1 });
    test.passMs(31_000);
    expect(await figures()).toMatchObject({ inFlight: 1 });
    test.passMs(2_000);
    expect(await figures()).toMatchObject({ inFlight: 0 });
    receiver.on('/hook', respond({}));
    expect(await send(next)).toBe('sent');
  });

  it('that were kept in vain are given away after a minute', async () => {
    const { behaviour, open } = gate();
    receiver.on('/hook', behaviour);
    const ids = await deliveries(22, { timeout: '60s' });
    const sending = Promise.all(ids.map((id) => send(id)));
    await eventually(async () => (await line()).length === 2);
    await receiver.waitFor(20);
    open();
    await sending;
    const [first, second] = (
      await test.db.select().from(parked).orderBy(asc(parked.since), asc(parked.deliveryId))
    ).map(({ deliveryId }) => deliveryId);
    expect(await release()).toBe(2);
    expect(await told()).toEqual([first, second]);
    test.passMs(59_000);
    expect(await release()).toBe(0);
    test.passMs(2_000);
    expect(await release()).toBe(2);
    expect(await told()).toEqual([first, second]);
  });
});

describe('time in line', () => {
  it('costs no retry, and does not count towards `within`', async () => {
    receiver.on('/hook', respond({ status: 500 }));
    const [id = ''] = await deliveries(1, { retry: { times: 2, within: '1m' } });
    expect(await send(id)).toBe('retry');
    test.passMs(15_000);
    const { behaviour, open } = gate();
    receiver.on('/hook', behaviour);
    const others = await deliveries(20, { timeout: '60s' });
    const sending = Promise.all(others.map((other) => send(other)));
    await receiver.waitFor(21);
    expect(await send(id)).toBe('slot');
    open();
    await sending;
    test.passMs(3_600_000);
    receiver.on('/hook', respond({ status: 500 }));
    await release();
    expect(await send(id)).toBe('retry');
    const delivery = await test.delivery(id);
    expect(delivery).toMatchObject({ state: 'attempted', parked: null, parkedMs: 3_600_000 });
    expect(delivery.attempts).toHaveLength(2);
    await told();
  });

  it('of 24 hours is the end', async () => {
    const { behaviour, open } = gate();
    receiver.on('/hook', behaviour);
    const ids = await deliveries(21, { timeout: '60s' });
    const sending = Promise.all(ids.map((id) => send(id)));
    await eventually(async () => (await line()).length === 1);
    open();
    const outcomes = await sending;
    const id = ids[outcomes.indexOf('slot')] ?? '';
    test.passMs(24 * 3_600_000 - 1_000);
    expect((await test.delivery(id)).state).toBe('queued');
    test.passMs(1_000);
    expect(await send(id)).toBe('failed');
    const delivery = await test.delivery(id);
    expect(delivery).toMatchObject({ state: 'failed', parked: null, error: { code: 'delivery.parked_too_long' } });
    expect(delivery.attempts).toEqual([]);
  });
});
