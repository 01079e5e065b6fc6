import { afterAll, beforeAll, expect, it } from 'vitest';
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

const set = (person: string, attributes: object) => hookline.api('PUT', `/v1/people/${person}`, { attributes });

const journeysOf = async (campaign: string) =>
  (await hookline.api<{ data: { person: string }[] }>('GET', `/v1/journeys?campaign=${campaign}`)).body.data;

const entered = (campaign: string, count: number) =>
  eventually(async () => (await journeysOf(campaign)).length === count);

/** Waits until all that was stored for the person before has been taken up, which goes by their own order. */
const takenUp = async (person: string) => {
  await hookline.publish(`end-${person}`, {
    trigger: { type: 'event', event: `end ${person}` },
    steps: [{ type: 'exit' }],
  });
  await hookline.api('POST', '/v1/events', { person, name: `end ${person}` });
  await entered(`end-${person}`, 1);
};

it('lets a person in whatever changed the attribute: the API, an event, an answer, a step', async () => {
  receiver.on('/plan', respond({ json: { plan: 'silver' } }));
  await hookline.publish('plan-changed', {
    trigger: { type: 'attribute', attribute: 'plan' },
    entry: { frequency: 'everyTime', maxConcurrent: 100 },
    steps: [{ type: 'exit', reason: '{{ customer.plan }}' }],
  });
  const map = { response: { attributes: { plan: '{{ response.plan }}' } } };
  await hookline.publish('asks', {
    trigger: { type: 'event', event: 'ask' },
    steps: [{ type: 'webhook', id: 'ask', url: receiver.url('/plan'), method: 'GET', ...map }],
  });
  await hookline.publish('sets', {
    trigger: { type: 'event', event: 'gild' },
    steps: [{ type: 'update', attributes: { plan: 'gold' } }],
  });
  await set('ann', { plan: 'trial' });
  await entered('plan-changed', 1);
  await hookline.api('POST', '/v1/events', { person: 'ann', name: 'paid', attributes: { plan: 'bronze' } });
  await entered('plan-changed', 2);
  await hookline.api('POST', '/v1/events', { person: 'ann', name: 'ask' });
  await entered('plan-changed', 3);
  await hookline.api('POST', '/v1/events', { person: 'ann', name: 'gild' });
  await entered('plan-changed', 4);
  await set('ann', { plan: 'gold', other: 1 });
  await takenUp('ann');
  expect(await journeysOf('plan-changed')).toHaveLength(4);
});

it('asks for the values that it names, of any type; what is not there is null', async () => {
  const on = (campaign: string, trigger: object) =>
    hookline.publish(campaign, {
      trigger: { type: 'attribute', attribute: 'seats', ...trigger },
      entry: { frequency: 'everyTime', maxConcurrent: 100 },
      steps: [{ type: 'exit' }],
    });
  await on('first', { from: null });
  await on('gone', { to: null });
  await on('to-five', { to: 5 });
  await on('from-five-to-list', { from: 5, to: [1, { a: 2 }] });
  for (const seats of [5, '5', 5, [1, { a: 2 }], [1, { a: 3 }], null]) await set('bob', { seats });
  await takenUp('bob');
  const counts = ['first', 'gone', 'to-five', 'from-five-to-list'].map(async (id) => (await journeysOf(id)).length);
  expect(await Promise.all(counts)).toEqual([1, 1, 2, 1]);
});

it('lets a person in once where it says no more', async () => {
  await hookline.publish('vip', {
    trigger: { type: 'attribute', attribute: 'vip', to: true },
    steps: [{ type: 'exit' }],
  });
  for (const vip of [true, false, true]) await set('cleo', { vip });
  await takenUp('cleo');
  expect(await journeysOf('vip')).toHaveLength(1);
});
