import { sql } from 'drizzle-orm';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
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

describe('a relay that comes to a campaign that is not live', () => {
  it('does not wait for whoever holds it', async () => {
    await changeCampaignState(test.db, 'by-movers', ['live'], 'stopped');
    const release = await holdTransaction(test.db, async (tx) => {
      await tx.execute(sql`select ${writersTurn('by-movers')}`);
      await tx.execute(sql`select from campaigns where id = 'by-movers' for update`);
    });
    await test.did('last', 'moved');
    await test.relays.match();
    await release();
    const decided = await test.decided();
    expect(decided.filter((line) => line.startsWith('last by-movers '))).toEqual([
      'last by-movers segment/movers/enter/1 notLive',
    ]);
  });
});
