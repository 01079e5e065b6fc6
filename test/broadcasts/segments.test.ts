import { sql } from 'drizzle-orm';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { createCompiledVersions } from '../../compiled-versions.ts';
import { publishVersion } from '../../db/campaigns.ts';
import { broadcasts } from '../../db/schema/campaigns.ts';
import { startCampaign } from '../../db/start-campaign.ts';
import { validateCampaign } from '../../domain/campaign/campaign.ts';
import { runSchedules } from '../../relay/schedules.ts';
import { enterPageOf } from '../support/enter-page.ts';
import { holdTransaction, untilBlocked } from '../support/locks.ts';
import { onFailed } from '../support/scheduling.ts';
import { startSegments, type TestSegments } from '../support/segments.ts';

let test: TestSegments;

beforeAll(async () => {
  test = await startSegments();
});
afterAll(() => test.close());
beforeEach(async () => {
  await test.clear();
  for (const [person, plan] of Object.entries({ ada: 'gold', bob: 'free', cyd: 'gold' }))
    await test.set(person, { plan });
  await test.put('gold', { 'customer.plan': 'gold' });
});

async function publish(trigger: object, rules: object = {}) {
  const definition = { trigger, steps: [{ type: 'delay', for: '1h' }], ...rules };
  const { campaign, plan } = validateCampaign(definition, 'hello');
  await publishVersion(test.db, campaign, plan);
}

async function start(trigger: object, rules: object = {}) {
  await publish(trigger, rules);
  await startCampaign(test.db, 'hello');
}

/** What the only broadcast does next. */
async function enterPage() {
  const [broadcast] = await test.db.select().from(broadcasts);
  const enter = enterPageOf(test.db);
  return enter({ broadcast: broadcast?.id ?? '' });
}
const who = async () => (await test.decided()).map((line) => line.replace(/brd_\S+|\d{4}-\S+/, '…')).toSorted();

describe('a broadcast of a schedule whose audience is a segment that is still being filled', () => {
  it('waits until that is done, and enters all of them', async () => {
    await start({ type: 'schedule' }, { audience: { segment: 'gold' } });
    const now = new Date(Date.now() + 1_000);
    expect(await runSchedules({ db: test.db, ...createCompiledVersions(), now, onFailed })).toBe(1);
    expect(await enterPage()).toMatchObject({ selected: 0, waitsFor: { what: 'segments' } });
    await test.relays.sweep();
    expect(await enterPage()).toMatchObject({ selected: 2 });
    expect(await who()).toEqual(['ada hello schedule/… entered', 'cyd hello schedule/… entered']);
  });

  it('waits for it also where only a branch asks for it', async () => {
    const cases = [{ when: { segment: 'gold' }, steps: [] }];
    await start({ type: 'schedule' }, { steps: [{ type: 'branch', id: 'fork', cases }] });
    await runSchedules({ db: test.db, ...createCompiledVersions(), now: new Date(Date.now() + 1_000), onFailed });
    expect(await enterPage()).toMatchObject({ selected: 0, waitsFor: { what: 'segments' } });
    await test.relays.sweep();
    expect(await enterPage()).toMatchObject({ selected: 3 });
  });
});

describe('who belongs to a segment when its campaign with includeCurrent is started, and comes again', () => {
  const trigger = { type: 'segment', segment: 'gold', change: 'enter', includeCurrent: true };
  const leave = async (person: string) => {
    await test.set(person, { plan: 'free' });
    await test.relays.match();
  };
  const comeAgain = async (person: string) => {
    await leave(person);
    await test.set(person, { plan: 'gold' });
    await test.relays.match();
  };

  it('enters once, by the broadcast or by coming, whichever is first', async () => {
    await test.relays.sweep();
    await start(trigger);
    await comeAgain('ada');
    await enterPage();
    await comeAgain('cyd');
    await comeAgain('ada');
    expect(await who()).toEqual([
      'ada hello segment/gold/enter/3 entered',
      'ada hello segment/gold/enter/5 frequency',
      'cyd hello broadcast/… entered',
      'cyd hello segment/gold/enter/3 frequency',
    ]);
  });

  it('enters once also where it has still to be told that they came, and may enter again and again', async () => {
    await test.relays.settle();
    await test.put('gold', { 'customer.plan': { in: ['gold', 'free'] } });
    await test.relays.sweep();
    await start(trigger, { entry: { frequency: 'everyTime', maxConcurrent: 2 } });
    await enterPage();
    const entered = [
      'ada hello broadcast/… entered',
      'bob hello segment/gold/enter/2 entered',
      'cyd hello broadcast/… entered',
    ];
    // Whatever becomes of the campaign before it is told.
    expect(await who()).toEqual(entered);
    await test.relays.match();
    expect(await who()).toEqual(entered);
  });

  it('enters once also where both come at the same moment', async () => {
    await test.relays.sweep();
    await start(trigger);
    for (const person of ['ada', 'cyd']) {
      await leave(person);
      await test.set(person, { plan: 'gold' });
    }
    const release = await holdTransaction(test.db, (tx) =>
      tx.execute(sql`select from campaigns where id = 'hello' for update`),
    );
    const matched = test.relays.match();
    await untilBlocked(test.db, 'hookline test');
    const entered = enterPage();
    await untilBlocked(test.db, 'hookline test', 2);
    await release();
    await Promise.all([matched, entered]);
    const journeys = await test.db.execute(sql`
      select people.id, count(*)::int as times from people join entries on person_key = key group by people.id order by people.id`);
    expect(journeys).toEqual([
      { id: 'ada', times: 1 },
      { id: 'cyd', times: 1 },
    ]);
  });

  it('enters by the broadcast where a relay that is about to bring them in found it not started', async () => {
    await test.relays.settle();
    await publish(trigger);
    await test.set('bob', { plan: 'gold' });
    const release = await holdTransaction(test.db, (tx) =>
      tx.execute(sql`select from segments where id = 'gold' for update`),
    );
    const matched = test.relays.match();
    await untilBlocked(test.db, 'hookline test');
    const entered = startCampaign(test.db, 'hello').then(enterPage);
    await Promise.race([entered, untilBlocked(test.db, 'hookline test', 2)]);
    await release();
    await Promise.all([matched, entered]);
    expect(await who()).toEqual([
      'ada hello broadcast/… entered',
      'bob hello broadcast/… entered',
      'bob hello segment/gold/enter/2 notLive',
      'cyd hello broadcast/… entered',
    ]);
  });
});
