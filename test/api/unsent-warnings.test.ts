import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { putPeople } from '../../db/put-people.ts';
import { startHookline, type Hookline } from '../support/hookline.ts';
import { holdTransaction } from '../support/locks.ts';
import { relaysOf } from '../support/relays.ts';

let hookline: Hookline;

beforeAll(async () => {
  hookline = await startHookline({ worker: false, relays: 0 });
  const known = { person: 'ada', name: 'updateStatus', data: {}, attributes: { first_name: 'Ada', plan: 'gold' } };
  await hookline.api('POST', '/v1/events', [known, { person: 'bob', name: 'purchase', data: {} }]);
  await hookline.api('PUT', '/v1/people/bob', { attributes: { renewal_date: '2030-01-01' } });
  await match();
});
afterAll(() => hookline.stop());

/** The names of events are noted by whoever matches them. */
const match = () => relaysOf(hookline.database.db, { now: new Date() }).match();

const warnings = async (kind: 'campaigns' | 'segments', definition: object, query = '') => {
  const path = `/v1/${kind}/one${query}`;
  const { status, body } = await hookline.api<{ warnings: string[] }>('PUT', path, definition);
  expect(status).toBe(200);
  return body.warnings;
};
const exit = { type: 'exit' };

describe('PUT of a campaign', () => {
  it('warns of campaigns that are not there, but not of itself', async () => {
    const converted = (campaign: string) => ({ converted: { campaign } });
    await hookline.api('PUT', '/v1/campaigns/close-lead', { trigger: { type: 'manual' }, steps: [exit] });
    const audience = { or: [converted('close-laed'), converted('close-lead'), converted('one')] };
    const definition = { trigger: { type: 'manual' }, audience, steps: [exit] };
    const expected = 'no campaign has the id "close-laed" yet; did you mean "close-lead"?';
    expect(await warnings('campaigns', definition, '?dryRun=true')).toEqual([
      `audience.or[0].converted.campaign: ${expected}`,
    ]);
    expect(await warnings('segments', { condition: converted('close-laed') }, '?dryRun=true')).toEqual([
      `condition.converted.campaign: ${expected}`,
    ]);
  });

  it('warns of events and attributes that nobody has sent yet, each where it stands first, and says what was meant', async () => {
    const definition = {
      trigger: { type: 'event', event: 'updateStatu', where: { 'event.newStatus': 'Gold' } },
      audience: { and: [{ 'customer.paln': 'gold' }, { performed: { event: 'purchas', where: { 'event.sum': 1 } } }] },
      goal: { event: 'purchase', within: '7d' },
      exit: { events: ['updateStatus', 'account_closed'] },
      defaults: { headers: { 'x-team': '{{ customer.team }}' } },
      steps: [
        { type: 'delay', until: { attribute: 'renewal_dat' } },
        {
          type: 'webhook',
          id: 'tell',
          url: 'https://example.com/{{ customer.id }}',
          body: { json: { name: "{{ customer.frist_name | default: 'you' }}", again: '{{ user.paln }}' } },
          response: { attributes: { lead_id: '{{ response.id }}' } },
        },
        {
          type: 'update',
          attributes: { seen: '{{ customer.seen }} {{ customer.lead_id }} {{ customer.first_name }}' },
        },
        { type: 'wait', event: 'Purchase', timeout: '1d' },
        { type: 'branch', cases: [{ when: { 'customer.address.city': 'Paris' }, steps: [exit] }] },
      ],
    };
    const expected = [
      'trigger.event: nobody has sent an event "updateStatu" yet; did you mean "updateStatus"?',
      'audience.and[0][\'customer.paln\']: nobody has sent an attribute "paln" yet; did you mean "plan"?',
      'audience.and[1].performed.event: nobody has sent an event "purchas" yet; did you mean "purchase"?',
      'steps[4].cases[0].when[\'customer.address.city\']: nobody has sent an attribute "address" yet',
      'exit.events[1]: nobody has sent an event "account_closed" yet',
      'defaults.headers.x-team: nobody has sent an attribute "team" yet',
      'steps[0].until.attribute: nobody has sent an attribute "renewal_dat" yet; did you mean "renewal_date"?',
      'steps[1].body.json.name: nobody has sent an attribute "frist_name" yet; did you mean "first_name"?',
      'steps[3].event: nobody has sent an event "Purchase" yet; did you mean "purchase"?',
    ];
    expect(await warnings('campaigns', definition, '?dryRun=true')).toEqual(expected);
    expect(await warnings('campaigns', definition)).toEqual(expected);
  });

  it.each([
    [
      { type: 'attribute', attribute: 'plam' },
      ['trigger.attribute: nobody has sent an attribute "plam" yet; did you mean "plan"?'],
    ],
    [{ type: 'date', attribute: 'birthday' }, ['trigger.attribute: nobody has sent an attribute "birthday" yet']],
    [{ type: 'date', attribute: 'renewal_date' }, []],
    [{ type: 'event', event: 'updateStatus' }, []],
  ])('judges the trigger %j', async (trigger, expected) => {
    expect(await warnings('campaigns', { trigger, steps: [exit] })).toEqual(expected);
  });

  it('is told of a name no more once somebody has sent it, whoever it is that sets the attribute', async () => {
    const definition = {
      trigger: { type: 'event', event: 'late' },
      audience: { 'customer.nick': 'x' },
      steps: [exit],
    };
    expect(await warnings('campaigns', definition)).toHaveLength(2);
    const both = { person: 'cyd', name: 'late', data: {}, attributes: { nick: 'x' } };
    await Promise.all([1, 2, 3].map(() => hookline.api('POST', '/v1/events', both)));
    await match();
    expect(await warnings('campaigns', definition)).toEqual([]);
  });

  it('says what was meant for the first twenty names', async () => {
    const cases = Array.from({ length: 22 }, (_, n) => ({ when: { [`customer.plan${n}`]: 'x' }, steps: [exit] }));
    const found = await warnings('campaigns', { trigger: { type: 'manual' }, steps: [{ type: 'branch', cases }] });
    expect(found).toHaveLength(22);
    expect(found.filter((warning) => !warning.endsWith('; did you mean "plan"?'))).toEqual([
      'steps[0].cases[20].when[\'customer.plan20\']: nobody has sent an attribute "plan20" yet',
      'steps[0].cases[21].when[\'customer.plan21\']: nobody has sent an attribute "plan21" yet',
    ]);
  });
});

describe('a new name in a long transaction', () => {
  it('holds up nobody else who brings it', async () => {
    const { db } = hookline.database;
    const release = await holdTransaction(db, (tx) =>
      putPeople(tx, [{ id: 'listed', attributes: { shoe_size: 40 } }], { backfill: false }),
    );
    const put = await hookline.api('PUT', '/v1/people/live', { attributes: { shoe_size: 41 } });
    await release();
    expect(put.status).toBe(200);
    expect(await warnings('segments', { condition: { 'customer.shoe_size': 41 } })).toEqual([]);
  });
});

describe('PUT of a segment', () => {
  it('warns of what its condition counts on and nobody has sent', async () => {
    const condition = {
      or: [{ 'customer.plam': 'gold' }, { performed: { event: 'purchase' } }, { 'customer.id': 'ada' }],
    };
    expect(await warnings('segments', { condition })).toEqual([
      'condition.or[0][\'customer.plam\']: nobody has sent an attribute "plam" yet; did you mean "plan"?',
    ]);
  });
});
