import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { parked, pausedDeliveries } from '../../db/schema/destinations.ts';
import { respond } from '../support/behaviours.ts';
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

type Journey = { id: string; state: string; reason: string | null; log: { step: string | null; what: string }[] };

const publish = (campaign: string, rules: object, steps: object[]) =>
  hookline.publish(campaign, { trigger: { type: 'event', event: campaign }, ...rules, steps });

const webhook = (id: string, fields: object = {}) => ({ type: 'webhook', id, url: receiver.url(`/${id}`), ...fields });
const does = (person: string, name: string, more: object = {}) =>
  hookline.api('POST', '/v1/events', { person, name, ...more });

const journeyIn = (person: string, state: string) =>
  eventually(async () => {
    const path = `/v1/journeys?person=${person}&state=${state}`;
    const { body } = await hookline.api<{ data: Journey[] }>('GET', path);
    const [found] = body.data;
    return found && (await hookline.api<Journey>('GET', `/v1/journeys/${found.id}`)).body;
  });

const stats = async (campaign: string) =>
  (await hookline.api<{ completed: number }>('GET', `/v1/campaigns/${campaign}/stats`)).body;
const requestsTo = (id: string) => receiver.requests.filter(({ url }) => url === `/${id}`).length;

describe('a journey that an event ends', () => {
  it.each([
    ['in a delay', 'delayed', { type: 'delay', for: '1h' }],
    ['in a wait', 'waiting', { type: 'wait', event: 'never' }],
    [
      'in a wait for that very event',
      'waiting',
      { type: 'wait', event: 'closed', then: [{ type: 'delay', for: '1h' }] },
    ],
    ['at a draft', 'awaitingApproval', null],
  ])('leaves where it is, %s, and its workflow ends', async (_, state, step) => {
    const name = `exit-${count()}`;
    const draft = webhook('held', { send: 'draft', response: { attributes: { a: '{{ response.a }}' } } });
    await publish(name, { exit: { events: ['closed'] } }, [step ?? draft, webhook('after')]);
    await does(name, name);
    const { id } = await journeyIn(name, state);
    await does(name, 'closed');
    expect(await hookline.ended(name)).toMatchObject({ state: 'exited', reason: 'exit event closed' });
    await hookline.client.workflow.getHandle(`journey/${id}/1`).result();
    expect(requestsTo('after')).toBe(0);
  });

  let number = 0;
  const count = () => (number += 1);
});

describe.each([
  ['event', { exit: { events: ['closed'] } }, 'exit event closed'],
  ['goal', { goal: { event: 'closed', within: '1d', exit: true } }, 'goal'],
])('a journey that its %s ends while its webhook waits', (by, rules, reason) => {
  const begin = async (campaign: string, url: string) => {
    await publish(campaign, rules, [webhook(campaign, { url, timeout: '60s' }), webhook('afterwards')]);
    await does(campaign, campaign);
  };
  const delivery = async (campaign: string) => {
    const { body } = await hookline.api<{ data: { state: string; waitsFor: { reason: string } | null }[] }>(
      'GET',
      `/v1/deliveries?campaign=${campaign}&person=${campaign}`,
    );
    return body.data[0];
  };
  /** It ends at once, and with it all that could send for it. */
  const leaves = async (campaign: string) => {
    await does(campaign, 'closed');
    const { id, ...ended } = await hookline.ended(campaign);
    expect(ended).toMatchObject({ state: 'exited', reason });
    await hookline.client.workflow.getHandle(`journey/${id}/1`).result();
    expect(await delivery(campaign)).toMatchObject({ state: 'cancelled', waitsFor: null });
    for (const table of [parked, pausedDeliveries]) expect(await hookline.database.db.select().from(table)).toEqual([]);
    expect(requestsTo('afterwards')).toBe(0);
  };

  it('leaves between two attempts', async () => {
    const campaign = `retried-${by}`;
    receiver.on(`/${campaign}`, respond({ status: 503, headers: { 'retry-after': '120' } }));
    await begin(campaign, receiver.url(`/${campaign}`));
    await eventually(async () => (await delivery(campaign))?.state === 'attempted');
    await leaves(campaign);
    expect(requestsTo(campaign)).toBe(1);
  });

  it('leaves the line at its destination, and its place goes to nobody', async () => {
    const campaign = `lined-${by}`;
    const full = await startReceiver();
    let answer = () => {};
    const answered = new Promise<void>((resolve) => (answer = resolve));
    full.on('/crowd', (socket, request) => void answered.then(() => respond({ json: {} })(socket, request)));
    await publish(`crowd-${campaign}`, {}, [webhook('crowd', { url: full.url('/crowd'), timeout: '60s' })]);
    const crowd = Array.from({ length: 20 }, (_each, one) => ({ person: `one-${one}`, name: `crowd-${campaign}` }));
    await hookline.api('POST', '/v1/events', crowd);
    await full.waitFor(20);
    await begin(campaign, full.url('/late'));
    await eventually(async () => (await delivery(campaign))?.waitsFor?.reason === 'slot');
    await leaves(campaign);
    answer();
    await eventually(async () => (await stats(`crowd-${campaign}`)).completed === 20);
    expect(full.requests.map(({ url }) => url)).not.toContain('/late');
    await full.close();
  });

  it('leaves where a pause holds it, and does not come back with the end of that', async () => {
    const campaign = `paused-${by}`;
    await publish(campaign, rules, [{ type: 'wait', event: 'go' }, webhook(campaign), webhook('afterwards')]);
    await does(campaign, campaign);
    await journeyIn(campaign, 'waiting');
    await hookline.api('POST', `/v1/campaigns/${campaign}/pause`);
    await does(campaign, 'go');
    await eventually(async () => (await delivery(campaign))?.waitsFor?.reason === 'pause');
    await leaves(campaign);
    await hookline.api('POST', `/v1/campaigns/${campaign}/resume`);
    expect(requestsTo(campaign)).toBe(0);
  });
});

describe('a conversion', () => {
  it('is credited to the last sent webhook that tracks conversions, and to the variant', async () => {
    receiver.on('/second', respond({ status: 400 }));
    const goal = { event: 'bought', within: '1d', exit: true };
    const path = (name: string) => [
      webhook(`first-${name}`, { trackConversions: true }),
      webhook(`second-${name}`, { trackConversions: true, url: receiver.url('/second'), retry: { times: 0 } }),
      webhook(`third-${name}`),
    ];
    const split = {
      type: 'split',
      id: 'price',
      variants: [
        { name: 'low', percent: 100, steps: path('low') },
        { name: 'holdout', percent: 0, steps: [] },
      ],
    };
    await publish('shop', { goal }, [split, { type: 'wait', id: 'rest', event: 'never' }]);
    await does('kim', 'shop');
    await does('lea', 'shop');
    await journeyIn('kim', 'waiting');
    await journeyIn('lea', 'waiting');
    await does('kim', 'bought', { id: 'order-9' });
    expect(await hookline.ended('kim')).toMatchObject({
      state: 'exited',
      reason: 'goal',
      log: expect.arrayContaining([
        expect.objectContaining({ what: 'split', variant: 'low' }),
        expect.objectContaining({ what: 'converted', event: 'order-9', credited: 'first-low' }),
        expect.objectContaining({ step: null, what: 'exited', reason: 'goal' }),
      ]),
    });
    expect(await stats('shop')).toEqual({
      entries: 2,
      refused: {},
      active: 1,
      completed: 0,
      exited: 1,
      steps: [
        { id: 'price', type: 'split', people: 2, deliveries: {}, conversions: 0 },
        { id: 'first-low', type: 'webhook', people: 2, deliveries: { sent: 2 }, conversions: 1 },
        { id: 'second-low', type: 'webhook', people: 2, deliveries: { failed: 2 }, conversions: 0 },
        { id: 'third-low', type: 'webhook', people: 2, deliveries: { sent: 2 }, conversions: 0 },
        { id: 'rest', type: 'wait', people: 2, deliveries: {}, conversions: 0 },
      ],
      conversions: 1,
      splits: [
        {
          id: 'price',
          variants: [
            {
              name: 'low',
              entries: 2,
              conversions: 1,
              rate: 0.5,
              interval: [expect.closeTo(0.0945, 4), expect.closeTo(0.9055, 4)],
            },
            { name: 'holdout', entries: 0, conversions: 0, rate: null, interval: null },
          ],
        },
      ],
    });
  });

  it('lets go who waits for it', async () => {
    await publish('asked', { goal: { event: 'answered', within: '1d' } }, [{ type: 'delay', for: '1h' }]);
    await publish('follow', {}, [{ type: 'wait', until: { converted: { campaign: 'asked' } } }, webhook('follow')]);
    await does('mia', 'asked');
    await does('mia', 'follow');
    await journeyIn('mia', 'waiting');
    await does('mia', 'answered');
    await eventually(async () => requestsTo('follow') === 1);
  });

  it('counts for segments at once', async () => {
    await hookline.api('PUT', '/v1/segments/buyers', { condition: { converted: { campaign: 'offer' } } });
    await publish('offer', { goal: { event: 'took', within: '1d' } }, [{ type: 'delay', for: '1h' }]);
    const trigger = { type: 'segment', segment: 'buyers', change: 'enter' };
    await hookline.publish('buyer', { trigger, steps: [webhook('buyer')] });
    await does('pam', 'offer');
    await journeyIn('pam', 'delayed');
    await does('pam', 'took');
    await eventually(async () => requestsTo('buyer') === 1);
  });
});

describe('who does not belong to the audience any more', () => {
  it('gets nothing when a webhook is due, and leaves with what was seen of them', async () => {
    const audience = { 'customer.plan': { in: ['gold', 'silver'] } };
    const rules = { audience, exit: { whenNotInAudience: true } };
    await publish('members', rules, [webhook('in'), { type: 'wait', event: 'go' }, webhook('out')]);
    await does('ned', 'members', { attributes: { plan: 'gold' } });
    await does('oda', 'members', { attributes: { plan: 'gold' } });
    await journeyIn('ned', 'waiting');
    await journeyIn('oda', 'waiting');
    await does('ned', 'go', { attributes: { plan: 'silver' } });
    await does('oda', 'go', { attributes: { plan: 'bronze' } });
    expect(await hookline.ended('ned')).toMatchObject({ state: 'completed' });
    const rendered = (await journeyIn('ned', 'completed')).log.filter(({ what }) => what === 'rendered');
    expect(rendered).toMatchObject([
      { step: 'in', audience: { 'customer.plan': 'gold' } },
      { step: 'out', audience: { 'customer.plan': 'silver' } },
    ]);
    const { log, ...ended } = await journeyIn('oda', 'exited');
    expect(ended).toMatchObject({ reason: 'not in the audience any more' });
    expect(log.slice(-2)).toMatchObject([
      { step: 'out', what: 'exited', reason: 'not in the audience any more', values: { 'customer.plan': 'bronze' } },
      { step: null, what: 'exited', reason: 'not in the audience any more' },
    ]);
    expect([requestsTo('in'), requestsTo('out')]).toEqual([2, 1]);
  });

  it('is told so by a simulation too', async () => {
    const definition = {
      trigger: { type: 'manual' },
      audience: { 'customer.plan': 'gold' },
      exit: { whenNotInAudience: true },
      steps: [{ type: 'update', attributes: { plan: 'bronze' } }, webhook('never')],
    };
    const { body } = await hookline.api('POST', '/v1/campaigns/simulate', { definition, customer: { plan: 'gold' } });
    expect(body).toMatchObject({
      journey: { state: 'exited', reason: 'not in the audience any more', deliveries: [] },
    });
  });
});
