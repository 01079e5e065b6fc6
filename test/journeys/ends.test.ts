import { setTimeout as sleep } from 'node:timers/promises';
import { sql } from 'drizzle-orm';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { HEARTBEAT_EVERY_MS } from '../../activities/send-webhook.ts';
import { commands } from '../../db/schema/journeys.ts';
import { parked } from '../../db/schema/destinations.ts';
import { hang, respond } from '../support/behaviours.ts';
import { eventually } from '../support/eventually.ts';
import { startHookline, type Hookline } from '../support/hookline.ts';
import { startReceiver, type Receiver } from '../support/receiver.ts';

let hookline: Hookline;
let receiver: Receiver;

beforeAll(async () => {
  [hookline, receiver] = await Promise.all([startHookline(), startReceiver()]);
});
afterAll(async () => {
  await hookline.stop();
  await receiver.close();
});

type Delivery = { id: string; state: string; journey: string; mapping: { state: string } };

async function enter(campaign: string, people: number, webhook: object, rules: object = {}): Promise<Delivery[]> {
  const step = { type: 'webhook', id: 'tell', url: receiver.url(`/${campaign}`), ...webhook };
  await hookline.publish(campaign, { trigger: { type: 'event', event: campaign }, ...rules, steps: [step] });
  const events = Array.from({ length: people }, (_, each) => ({ person: `${campaign}-${each}`, name: campaign }));
  await hookline.api('POST', '/v1/events', events);
  return eventually(async () => {
    const { body } = await hookline.api<{ data: Delivery[] }>('GET', `/v1/deliveries?campaign=${campaign}&limit=200`);
    return body.data.length === people && body.data;
  });
}

const delivery = async (id: string) => (await hookline.api<Delivery>('GET', `/v1/deliveries/${id}`)).body;
const inLine = async () => hookline.database.db.select().from(parked);
const ended = (journey: string) =>
  eventually(async () => {
    const { body } = await hookline.api<{ state: string }>('GET', `/v1/journeys/${journey}`);
    return body.state === 'exited';
  });
const workflow = (journey: string) => hookline.client.workflow.getHandle(`journey/${journey}/1`);

describe('a journey that is cancelled in Temporal', () => {
  it('leaves the line at its destination, and nothing of it is sent', async () => {
    receiver.on('/crowded', hang());
    const all = await enter('crowded', 24, { timeout: '60s' });
    await eventually(async () => (await inLine()).length === 4);
    const waiting = new Set((await inLine()).map(({ deliveryId }) => deliveryId));
    const cancelled = all.filter(({ id }) => waiting.has(id));
    await Promise.all(cancelled.map(({ journey }) => workflow(journey).cancel()));
    await eventually(async () => (await inLine()).length === 0);
    for (const { id, journey } of cancelled) {
      expect(await delivery(id)).toMatchObject({ state: 'cancelled', mapping: { state: 'none' } });
      expect((await hookline.api('GET', `/v1/journeys/${journey}`)).body).toMatchObject({
        state: 'exited',
        reason: 'cancelled in Temporal',
      });
    }
    expect(receiver.requests).toHaveLength(20);
  });

  it('takes its draft along: nobody can approve it any more', async () => {
    const response = { attributes: { lead: '{{ response.lead }}' } };
    const [draft] = await enter('drafted', 1, { send: 'draft', response });
    await workflow(draft?.journey ?? '').cancel();
    await eventually(async () => (await delivery(draft?.id ?? '')).state === 'discarded');
    const answer = await hookline.api('POST', `/v1/deliveries/${draft?.id}/approve`);
    expect(answer).toMatchObject({ status: 409, body: { code: 'deliveries.not_drafted' } });
  });
});

describe('a journey that ends while its request is under way', () => {
  it('lets that finish, though it outlasts the heartbeat that tells of the end, and stores the answer', async () => {
    const slow = await startReceiver();
    const ends = ['exit', 'event', 'goal', 'stop', 'cancel'] as const;
    let answer = () => {};
    const answered = new Promise<void>((resolve) => (answer = resolve));
    const reply = respond();
    for (const end of ends) slow.on(`/${end}`, (socket, request) => void answered.then(() => reply(socket, request)));
    const rules = { goal: { event: 'bought', within: '1d', exit: true }, exit: { events: ['left'] } };
    const sent = new Map<string, Delivery>();
    for (const end of ends) {
      const [one] = await enter(end, 1, { url: slow.url(`/${end}`), timeout: '60s' }, rules);
      if (one) sent.set(end, one);
    }
    await slow.waitFor(ends.length);
    const journeyOf = (end: string) => sent.get(end)?.journey ?? '';
    await hookline.api('POST', `/v1/journeys/${journeyOf('exit')}/exit`);
    await hookline.api('POST', '/v1/events', { person: 'event-0', name: 'left' });
    await hookline.api('POST', '/v1/events', { person: 'goal-0', name: 'bought' });
    await hookline.api('POST', '/v1/campaigns/stop/stop', { people: 'exit' });
    await workflow(journeyOf('cancel')).cancel();
    for (const end of ends) await ended(journeyOf(end));
    // By then each has told Temporal that it lives, and heard of the end.
    await sleep(HEARTBEAT_EVERY_MS + 1_000);
    answer();
    for (const { id } of sent.values()) {
      const shown = await eventually(async () => {
        const now = await delivery(id);
        return now.state === 'sent' && now;
      }, 20_000);
      expect(shown).toMatchObject({ attempts: [{ class: 'sent', status: 200 }] });
    }
    await slow.close();
  }, 60_000);
});

describe('a journey that an operator ends', () => {
  it('shows the attempt of a worker that was killed meanwhile as unknown, though no other attempt follows', async () => {
    const quick = await startReceiver();
    const [sent] = await enter('lost', 1, { url: quick.url('/lost') });
    const id = sent?.id ?? '';
    await eventually(async () => (await delivery(id)).state === 'sent');
    await quick.close();
    await hookline.database.db.execute(sql`
      update attempts set class = 'started', status = null, in_flight_until = now() - interval '1 s' where delivery_id = ${id}`);
    expect(await delivery(id)).toMatchObject({ attempts: [{ class: 'unknown', error: { code: 'worker_lost' } }] });
  });

  it('ends also what its approved draft began, and tells Temporal nothing of the reason', async () => {
    const failing = await startReceiver();
    failing.on('/failing', respond({ status: 503 }));
    const [draft] = await enter('failing', 1, { send: 'draft', url: failing.url('/failing') });
    const id = draft?.id ?? '';
    await hookline.api('POST', `/v1/deliveries/${id}/approve`);
    await eventually(async () => (await delivery(id)).state === 'attempted');
    expect(await hookline.ended('failing-0')).toMatchObject({ state: 'completed' });

    await failing.close();

    const [held] = await enter('told', 1, { send: 'draft', response: { attributes: { a: '{{ response.a }}' } } });
    const reason = 'Mary phoned: +33 6 12';
    await hookline.api('POST', `/v1/journeys/${held?.journey}/exit`, { reason });
    const handle = workflow(held?.journey ?? '');
    await handle.result();
    expect(JSON.stringify(await handle.fetchHistory())).not.toContain('Mary');
    await eventually(async () => (await hookline.database.db.select().from(commands)).length === 0);
  });
});
