import { sql } from 'drizzle-orm';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { eventually } from '../support/eventually.ts';
import { startHookline, type Hookline } from '../support/hookline.ts';
import { respond } from '../support/behaviours.ts';
import { startReceiver, type Receiver } from '../support/receiver.ts';

let hookline: Hookline;
let receiver: Receiver;

beforeAll(async () => {
  [hookline, receiver] = await Promise.all([startHookline({ relays: 2 }), startReceiver()]);
});

afterAll(async () => {
  await hookline.stop();
  await receiver.close();
});

type Journey = { id: string; log: { what: string }[] };

const set = (person: string, attributes: object) => hookline.api('PUT', `/v1/people/${person}`, { attributes });

/** Whoever comes, waits. */
async function waitUntil(campaign: string, until: object, people: string[]) {
  const step = { type: 'wait', id: 'there', until };
  await hookline.publish(campaign, { trigger: { type: 'event', event: campaign }, steps: [step] });
  await hookline.api(
    'POST',
    '/v1/events',
    people.map((person) => ({ person, name: campaign })),
  );
  await eventually(async () => {
    const { body } = await hookline.api<{ data: object[] }>('GET', `/v1/journeys?campaign=${campaign}&state=waiting`);
    return body.data.length === people.length;
  });
}

const logOf = async (person: string) => {
  const { id } = await hookline.ended(person);
  const { body } = await hookline.api<Journey>('GET', `/v1/journeys/${id}`);
  return body.log.map(({ what }) => what);
};

describe('a wait until somebody belongs to a segment', () => {
  it('ends by their change, and by another definition', async () => {
    await set('bea', { tier: 1 });
    await hookline.api('PUT', '/v1/segments/gold', { condition: { 'customer.plan': 'gold' } });
    await waitUntil('until-gold', { segment: 'gold' }, ['ada', 'bea']);
    await set('ada', { plan: 'gold' });
    expect(await logOf('ada')).toContain('fulfilled');
    await hookline.api('PUT', '/v1/segments/gold', { condition: { 'customer.tier': 1 } });
    expect(await logOf('bea')).toContain('fulfilled');
  });

  it('ends by the minute where time alone decides', async () => {
    const soon = new Date(Date.now() + 5_000).toISOString();
    await set('cleo', { opens: soon });
    await waitUntil('until-open', { 'customer.opens': { before: '0d' } }, ['cleo']);
    await eventually(async () => Date.now() > Date.parse(soon));
    await hookline.database.db.execute(sql`update sweeps set due_at = to_timestamp(0) where type = 'recheckWaits'`);
    expect(await logOf('cleo')).toContain('fulfilled');
  });
});

it('a branch that asks for a segment sees what the step before it has changed', async () => {
  const people = Array.from({ length: 10 }, (_, each) => `riser-${each}`);
  await hookline.api('PUT', '/v1/segments/risen', { condition: { 'customer.rank': 'high' } });
  await hookline.publish('rise', {
    trigger: { type: 'event', event: 'rise' },
    steps: [
      { type: 'update', id: 'up', attributes: { rank: 'high' } },
      {
        type: 'branch',
        id: 'which',
        cases: [{ when: { segment: 'risen' }, steps: [{ type: 'exit', reason: 'risen' }] }],
        otherwise: [{ type: 'exit', reason: 'as before' }],
      },
    ],
  });
  await hookline.api(
    'POST',
    '/v1/events',
    people.map((person) => ({ person, name: 'rise' })),
  );
  for (const person of people) expect(await hookline.ended(person)).toMatchObject({ reason: 'risen' });
});

describe('a campaign for those who enter a segment', () => {
  it('writes to them once, and the timeline says what began it', async () => {
    receiver.on('/hello', respond({ json: {} }));
    await hookline.api('PUT', '/v1/segments/buyers', { condition: { performed: { event: 'bought' } } });
    await hookline.publish('hello', {
      trigger: { type: 'segment', segment: 'buyers', change: 'enter' },
      steps: [{ type: 'webhook', id: 'tell', url: receiver.url('/hello'), body: { json: '{{ customer.id }}' } }],
    });
    for (let count = 0; count < 3; count += 1)
      await hookline.api('POST', '/v1/events', { person: 'dora', name: 'bought' });
    await logOf('dora');
    expect(receiver.requests.filter(({ url }) => url === '/hello')).toHaveLength(1);
    const { body } = await hookline.api<{ data: { type: string; what?: string }[] }>('GET', '/v1/people/dora/timeline');
    expect(body.data.find(({ what }) => what === 'entered')).toMatchObject({
      campaign: 'hello',
      cause: { type: 'segment', id: 'buyers', change: 'enter' },
    });
  });
});

it('a start of a segment campaign with includeCurrent enters who belongs to it, also where it is still being filled', async () => {
  const members = ['mia', 'moe', 'mup'];
  for (const person of members) await set(person, { team: 'red' });
  await set('nil', { team: 'blue' });
  await hookline.api('PUT', '/v1/segments/reds', { condition: { 'customer.team': 'red' } });
  const entry = { trigger: { type: 'segment', segment: 'reds', change: 'enter', includeCurrent: true } };
  await hookline.publish('welcome-reds', { ...entry, steps: [{ type: 'exit', reason: 'welcome' }] });
  await set('nil', { team: 'red' });
  const journeys = await eventually(async () => {
    const path = '/v1/journeys?campaign=welcome-reds&state=exited';
    const { data } = (await hookline.api<{ data: { person: string }[] }>('GET', path)).body;
    return data.length === 4 && data;
  });
  expect(journeys.map(({ person }) => person).toSorted((one, other) => one.localeCompare(other))).toEqual([
    ...members,
    'nil',
  ]);
});
