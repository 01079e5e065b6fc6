import { sql } from 'drizzle-orm';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { changeCampaignState } from '../../db/campaigns.ts';
import { decideDrafts } from '../../db/drafts.ts';
import { ingestEvents } from '../../db/events.ts';
import { freeHeldBack } from '../../db/paused.ts';
import { findPerson } from '../../db/people.ts';
import { requestResends } from '../../db/resends.ts';
import { runIn, startActivities, type TestActivities } from '../support/activities.ts';
import { respond } from '../support/behaviours.ts';
import { matcherOf } from '../support/matcher.ts';

const BY = { key: 'admin', actor: 'ops' };
const EXIT = { exit: { events: ['account_closed'] } };
const NOT_YET = {
  type: 'delivery.retryable',
  message: 'the relay has still to match what was stored for the person',
  nextRetryDelay: 1_000,
};

let test: TestActivities;

beforeAll(async () => {
  test = await startActivities();
});
afterAll(() => test.stop());

/** A rendered delivery of a campaign of its own, which is live; its person and its path are called as it is. */
async function deliveryOf(name: string, campaign: object, fields: object = {}) {
  const step = { type: 'webhook', id: 'tell', url: test.receiver.url(`/${name}`), ...fields };
  const journey = await test.enter(name, { ...campaign, steps: [step] }, { person: name });
  await changeCampaignState(test.db, name, ['new'], 'live');
  return { journey, id: await test.freeze(journey, 'tell') };
}

const did = (person: string, name: string) =>
  ingestEvents(test.db, [{ person, name, data: {}, timestamp: new Date(), backfill: false }]);
const match = async (person: string) => matcherOf(test.db)((await findPerson(test.db, person))?.key ?? '');
const requestsTo = (name: string) => test.receiver.requests.filter(({ url }) => url === `/${name}`).length;
const approve = (id: string) =>
  decideDrafts(test.db, [id], { by: BY, decision: 'approve', reason: null, now: test.clock.now });

describe('an exit event that was accepted before an attempt is due is not overtaken by it:', () => {
  it.each([
    ['a draft that is approved late', { send: 'draft', response: { attributes: { a: '{{ response.a }}' } } }],
    ['a draft that holds no journey', { send: 'draft' }],
  ])('%s', async (what, fields) => {
    const name = what.replaceAll(' ', '-');
    const { id, journey } = await deliveryOf(name, EXIT, fields);
    await did(name, 'account_closed');
    await approve(id);
    await expect(test.send(id)).rejects.toMatchObject(NOT_YET);
    await match(name);
    expect(await test.send(id)).toMatchObject({ state: 'cancelled' });
    expect(await test.journey(journey)).toMatchObject({ state: 'exited', reason: 'exit event account_closed' });
    expect(requestsTo(name)).toBe(0);
  });

  it('a retry', async () => {
    test.receiver.on('/retry', respond({ status: 503 }));
    const { id } = await deliveryOf('retry', EXIT);
    await expect(test.send(id)).rejects.toThrow('503');
    await did('retry', 'account_closed');
    test.passMs(10_000);
    await expect(test.send(id)).rejects.toMatchObject(NOT_YET);
    await match('retry');
    expect(await test.send(id)).toMatchObject({ state: 'cancelled' });
    expect(requestsTo('retry')).toBe(1);
  });

  it('what its campaign held back', async () => {
    const { id } = await deliveryOf('resumed', EXIT);
    await changeCampaignState(test.db, 'resumed', ['live'], 'paused');
    expect(await test.send(id)).toMatchObject({ state: 'parked', reason: 'pause' });
    await did('resumed', 'account_closed');
    await changeCampaignState(test.db, 'resumed', ['paused'], 'live');
    expect(await freeHeldBack(test.db, 'resumed', test.clock.now)).toBe(1);
    await expect(test.send(id)).rejects.toMatchObject(NOT_YET);
    await match('resumed');
    expect(await test.send(id)).toMatchObject({ state: 'cancelled' });
    expect(requestsTo('resumed')).toBe(0);
  });
});

it('a goal that ends the journey is waited for too, and that takes none of the retries', async () => {
  test.receiver.on('/goal', respond({ status: 503 }), respond());
  const { id } = await deliveryOf(
    'goal',
    { goal: { event: 'bought', within: '1d', exit: true } },
    { retry: { times: 1 } },
  );
  await expect(test.send(id)).rejects.toThrow('503');
  test.passMs(10_000);
  await did('goal', 'bought');
  for (let look = 0; look < 3; look += 1) await expect(test.send(id)).rejects.toMatchObject(NOT_YET);
  await test.db.execute(sql`delete from inbox using people where key = person_key and id = 'goal'`);
  expect(await test.send(id)).toMatchObject({ state: 'sent' });
  expect((await test.delivery(id)).attempts.map(({ number }) => number)).toEqual([1, 2]);
});

it.each([
  ['another event', EXIT, 'seen'],
  ['a goal that does not end the journey', { goal: { event: 'bought', within: '1d' } }, 'bought'],
])('%s is not waited for', async (what, campaign, event) => {
  const name = what.replaceAll(' ', '-');
  const { id } = await deliveryOf(name, campaign);
  await did(name, event);
  expect(await test.send(id)).toMatchObject({ state: 'sent' });
});

it('an operator sends again whatever is still to be matched', async () => {
  test.receiver.on('/again', respond({ status: 400 }), respond());
  const { id } = await deliveryOf('again', EXIT);
  expect(await test.send(id)).toMatchObject({ state: 'failed' });
  await did('again', 'account_closed');
  await requestResends(test.db, [id], { by: BY, reason: null, retry: false, lane: 0 });
  const resend = (await test.delivery(id)).resends[0]?.id ?? '';
  expect(await runIn(test.another().sendWebhook, { delivery: id, resend })).toMatchObject({ state: 'sent' });
});
