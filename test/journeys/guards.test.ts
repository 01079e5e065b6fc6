import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { eventually } from '../support/eventually.ts';
import { startHookline, type Hookline } from '../support/hookline.ts';
import { respond } from '../support/behaviours.ts';
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

type Outcome = { outcome: string; reason: string; values: object };

const outcomesOf = async (campaign: string, query = '') =>
  (await hookline.api<{ data: Outcome[] }>('GET', `/v1/campaigns/${campaign}/outcomes?limit=200${query}`)).body.data;

const guarded = (campaign: string) => eventually(async () => (await outcomesOf(campaign, '&outcome=guard'))[0], 40_000);

/** Starts when an attribute changes, and counts another one up. */
const counting = (campaign: string, from: string, to: string) =>
  hookline.publish(campaign, {
    trigger: { type: 'attribute', attribute: from },
    entry: { frequency: 'everyTime', maxConcurrent: 100 },
    steps: [{ type: 'update', attributes: { [to]: `{{ customer.${to} | default: 0 | plus: 1 }}` } }],
  });

const DEEPEST = {
  outcome: 'guard',
  reason: 'journeys led to one another 21 times; at most 20 may',
  values: { depth: 21 },
};

describe('a loop inside', () => {
  it('of a campaign that its own step lets begin again stops after 20', async () => {
    await counting('itself', 'count', 'count');
    await hookline.api('PUT', '/v1/people/ann', { attributes: { count: 0 } });
    expect(await guarded('itself')).toMatchObject(DEEPEST);
    // The first by the API, then twenty that followed from one another.
    expect(await outcomesOf('itself', '&outcome=entered')).toHaveLength(21);
    expect(await hookline.attributes('ann')).toEqual({ count: 21 });
  }, 60_000);

  it('over two campaigns stops as well, and a change by hand begins anew', async () => {
    await counting('ping', 'left', 'right');
    await counting('pong', 'right', 'left');
    await hookline.api('PUT', '/v1/people/bob', { attributes: { left: 0 } });
    expect(await guarded('pong')).toMatchObject(DEEPEST);
    expect(await outcomesOf('ping', '&outcome=entered')).toHaveLength(11);
    expect(await outcomesOf('pong', '&outcome=entered')).toHaveLength(10);
    await hookline.api('PUT', '/v1/people/bob', { attributes: { right: 100 } });
    await eventually(async () => (await outcomesOf('ping', '&outcome=guard')).length === 1, 40_000);
    expect(await outcomesOf('pong', '&outcome=entered')).toHaveLength(21);
  }, 90_000);
});

describe('a loop through the outside', () => {
  it('stops by what the campaign may do for one person within an hour, and others go on', async () => {
    let answered = 0;
    receiver.on('/loop', (socket, request) => {
      answered += 1;
      void hookline.api('POST', '/v1/events', { person: JSON.parse(request.body.toString()).id, name: 'echo' });
      respond()(socket, request);
    });
    await hookline.publish('echoing', {
      trigger: { type: 'event', event: 'echo' },
      entry: { maxPerHour: 8 },
      steps: [{ type: 'webhook', id: 'tell', url: receiver.url('/loop'), body: { json: { id: '{{ customer.id }}' } } }],
    });
    await hookline.api('POST', '/v1/events', { person: 'cat', name: 'echo' });
    expect(await guarded('echoing')).toMatchObject({
      outcome: 'guard',
      reason: 'the person entered 8 times within an hour, of at most 8',
      values: { lastHour: 8 },
    });
    expect(await outcomesOf('echoing')).toHaveLength(9);
    expect(answered).toBe(8);
    await hookline.api('POST', '/v1/events', { person: 'dan', name: 'echo' });
    await eventually(async () => (await outcomesOf('echoing', '&person=dan&outcome=entered')).length > 0);
  }, 60_000);
});
