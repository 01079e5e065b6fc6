import { sql } from 'drizzle-orm';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { insertWait } from '../../db/waits.ts';
import { changeCampaignState, publishVersion } from '../../db/campaigns.ts';
import { writersTurn } from '../../db/campaign-turns.ts';
import { validateCampaign } from '../../domain/campaign/campaign.ts';
import { holdTransaction, untilBlocked } from '../support/locks.ts';
import { startSegments, type TestSegments } from '../support/segments.ts';

let test: TestSegments;

beforeAll(async () => {
  test = await startSegments();
  await start(
    'nap',
    { type: 'event', event: 'slept' },
    { exit: { events: ['moved'] }, goal: { event: 'moved', within: '1d' } },
  );
  await start('vigil', { type: 'event', event: 'woke' }, { exit: { events: ['dozed', 'climbed'] } });
  await start('hike', { type: 'event', event: 'hiked' }, { goal: { event: 'climbed', within: '1d', exit: true } });
  await start('by-event', { type: 'event', event: 'moved' });
  await start('by-attribute', { type: 'attribute', attribute: 'town' });
  await test.put('movers', { performed: { event: 'moved' } });
  await test.put('converted', { converted: { campaign: 'nap' } });
  await test.put('both', { and: [{ segment: 'movers' }, { segment: 'converted' }] });
  for (const segment of ['movers', 'converted', 'both']) await test.greet(`by-${segment}`, segment, 'enter');
  await test.relays.settle();
});
afterAll(() => test.close());

async function start(id: string, trigger: object, rules: object = {}) {
  const definition = { trigger, steps: [{ type: 'delay', for: '1h' }], ...rules };
  const { campaign, plan } = validateCampaign(definition, id);
  await publishVersion(test.db, campaign, plan);
  await changeCampaignState(test.db, id, ['new'], 'live');
}

describe('a relay that waits for a campaign whose state is being changed', () => {
  it.each(['by-event', 'by-attribute', 'by-movers', 'by-converted', 'by-both'])(
    'holds no journey, which %s may come to next, and goes on behind it',
    async (campaign) => {
      const person = `mover-${campaign}`;
      await test.did(person, 'slept');
      await test.relays.settle();
      const release = await holdTransaction(test.db, async (tx) => {
        await tx.execute(sql`select ${writersTurn(campaign)}`);
        await tx.execute(sql`select from campaigns where id = ${campaign} for update`);
      });
      await test.did(person, 'moved');
      await test.set(person, { town: 'Paris' });
      const matched = test.relays.match();
      await untilBlocked(test.db, 'hookline test');
      const rows = await test.db.execute(sql`
        select state from journeys join people on key = person_key where people.id = ${person} for update of journeys nowait`);
      expect(rows).toEqual([{ state: 'starting' }]);
      await release();
      await matched;
      expect(
        (await test.decided())
          .filter((line) => line.startsWith(person))
          .map((line) => line.split(' ')[1] ?? '')
          .toSorted((one, other) => one.localeCompare(other)),
      ).toEqual(['by-attribute', 'by-both', 'by-converted', 'by-event', 'by-movers', 'nap']);
    },
  );

  it('judges it as it is then, and notes that it was paused', async () => {
    const release = await holdTransaction(test.db, (tx) =>
      tx.execute(sql`select from campaigns where id = 'by-event' for share`),
    );
    const pausing = changeCampaignState(test.db, 'by-event', ['live'], 'paused');
    await untilBlocked(test.db, 'hookline test');
    await test.did('late', 'moved');
    const matched = test.relays.match();
    await untilBlocked(test.db, 'hookline test', 2);
    await release();
    await Promise.all([pausing, matched]);
    const decided = await test.decided();
    expect(decided.filter((line) => line.startsWith('late by-event '))).toEqual([
      expect.stringMatching(/^late by-event event\/\S+ paused$/),
    ]);
  });
});

describe('a relay that ends a journey while somebody else holds it', () => {
  it.each([
    ['tells the wait of a later one', { began: ['slept', 'woke'], waits: true, then: ['moved'] }],
    ['has told the wait of a later one before', { began: ['slept', 'woke'], waits: true, then: ['sneezed', 'moved'] }],
    ['has ended a later one before', { began: ['slept', 'woke'], waits: false, then: ['dozed', 'moved'] }],
    ['ends a later one for another reason', { began: ['hiked', 'woke'], waits: false, then: ['climbed'] }],
    ['ends ones around it for another reason', { began: ['hiked', 'woke', 'hiked'], waits: false, then: ['climbed'] }],
  ])('and %s, holds no later one meanwhile', async (person, { began, waits, then }) => {
    for (const event of began) {
      await test.did(person, event);
      await test.relays.settle();
    }
    const all = await test.db.execute<{ id: string; key: string; cause: string }>(sql`
      select journeys.id, key, events.name as cause
      from journeys join people on key = journeys.person_key join events on events.id = event_id
      where people.id = ${person} and journeys.campaign_id in ('nap', 'vigil', 'hike') order by journeys.id`);
    expect(all.map(({ cause }) => cause)).toEqual(began);
    const [held, ...later] = all.slice(began.length - 2);
    if (waits) {
      const wait = { kind: 'event', eventName: 'paid', since: 0, deadline: null, timed: false } as const;
      const [journeyId = '', personKey = ''] = [later[0]?.id, held?.key];
      await insertWait(test.db, { ...wait, journeyId, personKey, stepId: 'pay', createdAt: new Date() });
    }
    const release = await holdTransaction(test.db, (tx) =>
      tx.execute(sql`select from journeys where id = ${held?.id} for no key update`),
    );
    for (const event of then) await test.did(person, event);
    const matched = test.relays.match();
    await untilBlocked(test.db, 'hookline test');
    const free = await test.db.execute(sql`
      select from journeys where id = any(${sql.param(later.map(({ id }) => id))}::text[]) for update skip locked`);
    await release();
    await matched;
    expect(free).toHaveLength(later.length);
    const ended = await test.db.execute(sql`select state from journeys where id = ${held?.id}`);
    expect(ended).toEqual([{ state: 'exited' }]);
  });
});

describe('a relay that comes to a campaign that is not live, and starts on no segment', () => {
  it('does not wait for whoever holds it', async () => {
    await changeCampaignState(test.db, 'by-attribute', ['live'], 'stopped');
    const release = await holdTransaction(test.db, async (tx) => {
      await tx.execute(sql`select ${writersTurn('by-attribute')}`);
      await tx.execute(sql`select from campaigns where id = 'by-attribute' for update`);
    });
    await test.set('last', { town: 'Paris' });
    await test.relays.match();
    await release();
    const decided = await test.decided();
    expect(decided.filter((line) => line.startsWith('last by-attribute '))).toEqual([
      'last by-attribute attribute/town/1 notLive',
    ]);
  });
});
