import { setTimeout as sleep } from 'node:timers/promises';
import { sql } from 'drizzle-orm';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { respond } from '../support/behaviours.ts';
import { eventually } from '../support/eventually.ts';
import { startHookline, type Hookline } from '../support/hookline.ts';
import { startReceiver, type Receiver } from '../support/receiver.ts';

let hookline: Hookline;
let receiver: Receiver;

beforeAll(async () => {
  [hookline, receiver] = await Promise.all([startHookline({ retryFirstDelayMs: 2_000, relays: 2 }), startReceiver()]);
});
afterAll(async () => {
  await hookline.stop();
  await receiver.close();
});

type Delivery = { id: string; state: string; journey: string; waitsFor: object | null };

/** A live campaign that begins with the event of its name. */
const publish = (campaign: string, steps: object[]) =>
  hookline.publish(campaign, { trigger: { type: 'event', event: campaign }, steps });

const webhook = (campaign: string, fields: object = {}) => ({
  type: 'webhook',
  id: 'tell',
  url: receiver.url(`/${campaign}`),
  ...fields,
});

const enter = (campaign: string, person: string) => hookline.api('POST', '/v1/events', { person, name: campaign });
const turn = (campaign: string, to: 'pause' | 'resume') => hookline.api('POST', `/v1/campaigns/${campaign}/${to}`);
const requestsTo = (campaign: string) => receiver.requests.filter(({ url }) => url === `/${campaign}`);

async function countJourneys(campaign: string): Promise<number> {
  const { body } = await hookline.api<{ data: object[] }>('GET', `/v1/journeys?campaign=${campaign}`);
  return body.data.length;
}

const deliveryOf = (campaign: string, state: string) =>
  eventually(async () => {
    const { body } = await hookline.api<{ data: Delivery[] }>('GET', `/v1/deliveries?campaign=${campaign}`);
    return body.data.find((delivery) => delivery.state === state);
  });

const heldOf = (campaign: string) =>
  eventually(async () => {
    const { body } = await hookline.api<{ data: { id: string }[] }>(
      'GET',
      `/v1/journeys?campaign=${campaign}&state=paused`,
    );
    return body.data[0];
  });

describe('while a campaign is paused', () => {
  it('nobody enters, and who was in a delay waits at the webhook until it is resumed', async () => {
    await publish('slow', [{ type: 'delay', for: '4s' }, webhook('slow')]);
    await enter('slow', 'ann');
    await eventually(async () => {
      const { body } = await hookline.api<{ data: object[] }>('GET', '/v1/journeys?campaign=slow&state=delayed');
      return body.data.length === 1;
    });
    expect(await turn('slow', 'pause')).toMatchObject({ status: 200, body: { state: 'paused', inside: { 1: 1 } } });
    await hookline.api('POST', '/v1/events', { id: 'late', person: 'bob', name: 'slow' });

    const { id } = await heldOf('slow');
    expect((await hookline.api('GET', `/v1/journeys/${id}`)).body).toMatchObject({
      state: 'paused',
      step: {
        id: 'tell',
        type: 'webhook',
        until: null,
        waitsFor: expect.stringMatching(/^its campaign to be resumed, since /),
      },
    });
    expect(
      (await hookline.api<{ data: object[] }>('GET', '/v1/journeys?campaign=slow&state=sending')).body.data,
    ).toEqual([]);
    expect(await deliveryOf('slow', 'queued')).toMatchObject({ waitsFor: { reason: 'pause', until: null } });
    expect((await hookline.api('GET', '/v1/events/late')).body).toMatchObject({ outcomes: [{ outcome: 'paused' }] });

    await turn('slow', 'resume');
    expect(await hookline.ended('ann')).toMatchObject({ state: 'completed' });
    expect(requestsTo('slow')).toHaveLength(1);
  });

  it('a retry that waits is not made', async () => {
    receiver.on('/again', respond({ status: 503 }), respond());
    await publish('again', [webhook('again', { retry: { times: 1, within: '3s' } })]);
    await enter('again', 'cat');
    await deliveryOf('again', 'attempted');
    await turn('again', 'pause');
    await heldOf('again');
    await sleep(1_000);
    await turn('again', 'resume');
    expect(await hookline.ended('cat')).toMatchObject({ state: 'completed' });
    expect(await deliveryOf('again', 'sent')).toMatchObject({ waitsFor: null });
    expect(requestsTo('again')).toHaveLength(2);
  });

  it.each([
    ['that holds its journey', 'holding', { response: { attributes: { a: '{{ response.a }}' } } }],
    ['that holds none', 'free', {}],
  ])('a draft %s may be approved, and is not sent', async (_, campaign, fields) => {
    await publish(campaign, [webhook(campaign, { send: 'draft', ...fields })]);
    await enter(campaign, 'dan');
    const { id } = await deliveryOf(campaign, 'drafted');
    await turn(campaign, 'pause');
    expect(await hookline.api('POST', `/v1/deliveries/${id}/approve`)).toMatchObject({ body: { state: 'approved' } });
    await eventually(async () => {
      const { body } = await hookline.api<Delivery>('GET', `/v1/deliveries/${id}`);
      return body.waitsFor !== null;
    });
    expect(await deliveryOf(campaign, 'approved')).toMatchObject({ waitsFor: { reason: 'pause', until: null } });
    await turn(campaign, 'resume');
    await deliveryOf(campaign, 'sent');
    expect(requestsTo(campaign)).toHaveLength(1);
  });
});

it('who was held back is told by the relay, where the API stopped in the middle of a resume', async () => {
  await publish('halfway', [{ type: 'delay', for: '4s' }, webhook('halfway')]);
  await enter('halfway', 'fay');
  await eventually(async () => (await countJourneys('halfway')) === 1);
  await turn('halfway', 'pause');
  await heldOf('halfway');
  await hookline.database.db.execute(sql`update campaigns set state = 'live' where id = 'halfway'`);
  expect(await hookline.ended('fay')).toMatchObject({ state: 'completed' });
  expect(requestsTo('halfway')).toHaveLength(1);
});

describe('pausing and resuming', () => {
  it('again and again under load, by two at once, leaves nobody behind and sends nothing in between', async () => {
    const people = Array.from({ length: 150 }, (_, each) => `person-${each}`);
    receiver.on('/busy', respond({ status: 503 }), respond());
    await publish('busy', [webhook('busy'), { ...webhook('busy'), id: 'again' }]);
    await hookline.api(
      'POST',
      '/v1/events',
      people.map((person) => ({ person, name: 'busy' })),
    );
    const done = async () => {
      const { body } = await hookline.api<{ inside: Record<string, number> }>('GET', '/v1/campaigns/busy');
      const [row] = await hookline.database.db.execute<{ waiting: number }>(
        sql`select count(*)::int as waiting from inbox`,
      );
      return Object.keys(body.inside).length === 0 && row?.waiting === 0;
    };
    /** From a pause's answer to the next request to resume. */
    const paused: { from: number; until: number }[] = [];
    for (let round = 0; round < 200 && !(await done()); round += 1) {
      const answers = await Promise.all([turn('busy', 'pause'), turn('busy', 'pause')]);
      const from = Date.now();
      expect(answers).toMatchObject([{ status: 200 }, { status: 200 }]);
      await sleep(round % 40);
      paused.push({ from, until: Date.now() });
      await Promise.all([turn('busy', 'resume'), turn('busy', 'resume')]);
      await sleep(20);
    }
    await eventually(done, 60_000);

    const { db } = hookline.database;
    const attempts = await db.execute<{ ms: number }>(sql`
      select extract(epoch from started_at)::float8 * 1000 as ms
      from attempts join deliveries on deliveries.id = delivery_id where campaign_id = 'busy'`);
    const [held] = await db.execute(sql`select count(*)::int as held from paused_deliveries`);
    const states = await db.execute(sql`
      select state, count(*)::int as number from deliveries where campaign_id = 'busy' group by state`);
    const entered = await db.execute(sql`
      select outcome, count(*)::int as number from outcomes where campaign_id = 'busy' group by outcome order by 1`);
    const total = entered.reduce((sum, { number }) => sum + Number(number), 0);
    const inside = Number(entered.find(({ outcome }) => outcome === 'entered')?.['number'] ?? 0);
    expect(total).toBe(150);
    expect(paused.length).toBeGreaterThan(5);
    expect(held).toEqual({ held: 0 });
    expect(states).toEqual([{ state: 'sent', number: 2 * inside }]);
    expect(attempts.length).toBe(requestsTo('busy').length);
    expect(attempts.filter(({ ms }) => paused.some(({ from, until }) => ms > from && ms < until))).toEqual([]);
  }, 120_000);
});
