import { sql } from 'drizzle-orm';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { exitPage, listExitingCampaigns } from '../../db/campaign-exit.ts';
import { changeCampaignState, holdCampaigns } from '../../db/campaigns.ts';
import { lockForSending } from '../../db/deliveries.ts';
import { freeHeldBack, listFreedCampaigns } from '../../db/paused.ts';
import { requestResends } from '../../db/resends.ts';
import { environment, runIn, startActivities, type TestActivities } from '../support/activities.ts';
import { respond } from '../support/behaviours.ts';
import { insertDeliveries } from '../support/deliveries.ts';
import { eventually } from '../support/eventually.ts';
import { holdTransaction, untilBlocked } from '../support/locks.ts';

const HOUR_MS = 3_600_000;
const HELD = { state: 'parked', reason: 'pause', until: null };

let test: TestActivities;
let count = 0;

beforeAll(async () => {
  test = await startActivities();
});
afterAll(() => test.stop());

/** A rendered delivery of a live campaign of its own, whose path and id answer. */
async function deliveryOf(fields: object = {}) {
  const campaign = `campaign-${(count += 1)}`;
  const step = { type: 'webhook', id: 'tell', url: test.receiver.url(`/${campaign}`), ...fields };
  const journey = await test.enter(campaign, { steps: [step] });
  await changeCampaignState(test.db, campaign, ['new'], 'live');
  return { campaign, journey, id: await test.freeze(journey, 'tell') };
}

const pause = (campaign: string) => changeCampaignState(test.db, campaign, ['live'], 'paused');

async function resume(campaign: string): Promise<number> {
  await changeCampaignState(test.db, campaign, ['paused'], 'live');
  return freeHeldBack(test.db, campaign, test.clock.now);
}

const requestsTo = (campaign: string) => test.receiver.requests.filter(({ url }) => url === `/${campaign}`).length;

const commandsAbout = async (delivery: string) =>
  test.db.execute<{ workflow_id: string }>(sql`
    select workflow_id from commands where command @> ${JSON.stringify({ type: 'wake', subject: delivery })}::jsonb`);

const held = (campaign: string) =>
  test.db.execute(sql`select delivery_id from paused_deliveries where campaign_id = ${campaign}`);

describe('a delivery whose campaign is paused', () => {
  it('is held back without a request, says so, and is sent when it has been told', async () => {
    const { campaign, journey, id } = await deliveryOf();
    await pause(campaign);
    expect(await test.send(id)).toEqual(HELD);
    expect(await test.send(id)).toEqual(HELD);
    expect(await test.delivery(id)).toMatchObject({ attempts: [], parked: { reason: 'pause', until: null } });
    expect(await test.journey(journey)).toMatchObject({ state: 'sending', line: { reason: 'pause', until: null } });
    expect(await freeHeldBack(test.db, campaign, test.clock.now)).toBe(0);

    expect(await resume(campaign)).toBe(1);
    expect(await commandsAbout(id)).toHaveLength(1);
    expect(await freeHeldBack(test.db, campaign, test.clock.now)).toBe(0);
    expect((await test.delivery(id)).parked).toBeNull();
    expect(await test.send(id)).toMatchObject({ state: 'sent' });
    expect(requestsTo(campaign)).toBe(1);
  });

  it('loses none of the time that its retries have', async () => {
    const { campaign, id } = await deliveryOf({ retry: { times: 1, within: '1h' } });
    test.receiver.on(`/${campaign}`, respond({ status: 503 }), respond());
    await expect(test.send(id)).rejects.toThrow('503');
    await pause(campaign);
    test.passMs(10_000);
    expect(await test.send(id)).toEqual(HELD);
    test.passMs(48 * HOUR_MS);
    await resume(campaign);
    expect((await test.delivery(id)).parkedMs).toBe(48 * HOUR_MS);
    expect(await test.send(id)).toMatchObject({ state: 'sent' });
  });

  it('counts what it waited also where its workflow comes before it is told', async () => {
    const { campaign, id } = await deliveryOf({ retry: { times: 1, within: '1h' } });
    test.receiver.on(`/${campaign}`, respond({ status: 503 }));
    await expect(test.send(id)).rejects.toThrow('503');
    await pause(campaign);
    test.passMs(10_000);
    expect(await test.send(id)).toEqual(HELD);
    test.passMs(2 * HOUR_MS);
    await changeCampaignState(test.db, campaign, ['paused'], 'live');
    expect(await listFreedCampaigns(test.db)).toEqual([campaign]);
    expect(await test.send(id)).toMatchObject({ state: 'failed' });
    expect(await test.delivery(id)).toMatchObject({ parkedMs: 2 * HOUR_MS, attempts: [{ number: 1 }, { number: 2 }] });
    expect(await freeHeldBack(test.db, campaign, test.clock.now)).toBe(0);
    expect(await held(campaign)).toEqual([]);
  });

  it('leaves the line at its destination, and does not fail for having stood there too long', async () => {
    const step = { type: 'webhook', id: 'tell', url: test.receiver.url('/paced'), rateLimit: '1/h' };
    const { campaign, id } = await deliveryOf(step);
    const first = await test.freeze(await test.enter(campaign, { steps: [step] }, { person: 'bob' }), 'tell');
    expect(await test.send(first)).toMatchObject({ state: 'sent' });
    expect(await test.send(id)).toMatchObject({ state: 'parked', reason: 'rateLimit' });
    await pause(campaign);
    test.passMs(2 * HOUR_MS);
    expect(await test.send(id)).toEqual(HELD);
    expect(await test.db.execute(sql`select from parked where delivery_id = ${id}`)).toHaveLength(0);
    test.passMs(72 * HOUR_MS);
    await resume(campaign);
    expect(await test.send(id)).toMatchObject({ state: 'sent' });
  });

  it('is not held back once it is cancelled', async () => {
    const { campaign, journey, id } = await deliveryOf();
    await pause(campaign);
    await test.send(id);
    await runIn(test.another().exitJourney, { journey, reason: 'enough' });
    expect(await held(campaign)).toEqual([]);
    expect(await test.send(id)).toMatchObject({ state: 'cancelled' });
  });

  it('is not sent where the campaign is stopped and its people have to leave, one by one', async () => {
    const { campaign, id } = await deliveryOf();
    await pause(campaign);
    expect(await test.send(id)).toEqual(HELD);
    await changeCampaignState(test.db, campaign, ['paused'], 'stopped', { exit: true });
    expect(await freeHeldBack(test.db, campaign, test.clock.now)).toBe(0);
    expect(await test.send(id)).toEqual(HELD);
    await changeCampaignState(test.db, campaign, ['stopped'], 'live');
    const step = { type: 'webhook', id: 'tell', url: test.receiver.url(`/${campaign}`) };
    const later = await test.freeze(await test.enter(campaign, { steps: [step] }, { person: 'later' }), 'tell');
    expect(await test.send(later)).toMatchObject({ state: 'sent' });

    const [exiting] = await listExitingCampaigns(test.db);
    if (!exiting) throw new Error('nobody has to leave');
    while ((await exitPage(test.db, exiting, test.clock.now)) > 0);
    expect(await test.send(id)).toMatchObject({ state: 'cancelled' });
    expect(await listExitingCampaigns(test.db)).toEqual([]);
    expect(requestsTo(campaign)).toBe(1);
  });

  it('is not sent again either, until the campaign goes on', async () => {
    const { campaign, id } = await deliveryOf();
    expect(await test.send(id)).toMatchObject({ state: 'sent' });
    await pause(campaign);
    await requestResends(test.db, [id], { by: { key: 'admin', actor: null }, reason: null, retry: false, lane: 0 });
    const resend = (await test.delivery(id)).resends[0]?.id ?? '';
    const send = () => runIn(test.another().sendWebhook, { delivery: id, resend });
    expect(await send()).toEqual(HELD);
    expect((await test.delivery(id)).parked).toEqual({ reason: 'pause', until: null });
    await resume(campaign);
    expect(await send()).toMatchObject({ state: 'sent' });
    expect(requestsTo(campaign)).toBe(2);
  });
});

describe('a pause', () => {
  it('is not kept waiting by claims and entries that never cease', async () => {
    const { campaign, id } = await deliveryOf();
    // Each claims one of its own: the turn is all that they share.
    const ids = await insertDeliveries(test.db, { count: 8, state: 'queued', campaign });
    let isOver = false;
    let begun = 0;
    const readers = Array.from({ length: 8 }, async (_, each) => {
      while (!isOver) {
        await test.db.transaction(async (tx) => {
          if (each % 2 === 0) await lockForSending(tx, ids[each] ?? '');
          else await holdCampaigns(tx, [campaign]);
          begun += 1;
          await tx.execute(sql`select pg_sleep(0.05)`);
        });
      }
    });
    await eventually(async () => begun > 20);
    const before = begun;
    await pause(campaign);
    isOver = true;
    await Promise.all(readers);
    expect(begun - before).toBeLessThan(100);
    expect(await test.send(id)).toEqual(HELD);
  });

  it('and a resume in the middle of a claim leave nobody behind', async () => {
    const { campaign, id } = await deliveryOf();
    await pause(campaign);
    const release = await holdTransaction(test.db, (tx) =>
      tx.execute(sql`select from deliveries where id = ${id} for no key update`),
    );
    // Its claim has read the state, and waits for the delivery.
    const claimed = environment().run(test.another().sendWebhook, { delivery: id });
    await untilBlocked(test.db, 'hookline test');
    const resumed = resume(campaign);
    await untilBlocked(test.db, 'hookline test', 2);
    await release();
    expect(await claimed).toEqual(HELD);
    expect(await resumed).toBe(1);
    expect(await commandsAbout(id)).toHaveLength(1);
  });

  it('of tens of thousands is over page by page, each told once though several tell', async () => {
    const { campaign } = await deliveryOf();
    await insertDeliveries(test.db, { count: 20_000, state: 'queued', campaign });
    await test.db.execute(sql`
      insert into paused_deliveries (delivery_id, campaign_id, workflow_id, since)
      select id, campaign_id, 'journey/' || id || '/1', now() from deliveries where id like ${`dlv_${campaign}_%`}`);
    const free = async () => {
      let freed = 0;
      for (let page = 1; page > 0; freed += page) page = await freeHeldBack(test.db, campaign, test.clock.now);
      return freed;
    };
    const freed = await Promise.all([free(), free(), free()]);
    expect(freed.reduce((sum, each) => sum + each, 0)).toBe(20_000);
    const [row] = await test.db.execute(sql`
      select count(*)::int as told, count(distinct workflow_id)::int as workflows from commands
      where workflow_id like ${`journey/dlv_${campaign}_%`}`);
    expect(row).toEqual({ told: 20_000, workflows: 20_000 });
    expect(await held(campaign)).toEqual([]);
  });
});
