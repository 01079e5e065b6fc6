import { eq } from 'drizzle-orm';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { campaigns } from '../../db/schema/campaigns.ts';
import { people } from '../../db/schema/people.ts';
import { eventually } from '../support/eventually.ts';
import { startHookline, type Hookline } from '../support/hookline.ts';

type Outcome = { campaign: string; outcome: string; reason: string; values: object; journey: string | null };

let hookline: Hookline;

beforeAll(async () => {
  hookline = await startHookline({ worker: false });
});
afterAll(() => hookline.stop());

const steps = [{ type: 'delay', for: '1h' }];
const startsOn = (event: string, rest: object = {}) => ({ trigger: { type: 'event', event }, steps, ...rest });

/** Stores an event and answers what the campaigns made of it, once the relay has looked. */
async function outcomesOf(event: Record<string, unknown>): Promise<Outcome[]> {
  const { body } = await hookline.api<{ ids: string[] }>('POST', '/v1/events', event);
  return eventually(async () => {
    const shown = await hookline.api<{ outcomes: Outcome[] }>('GET', `/v1/events/${body.ids[0]}`);
    return shown.body.outcomes.length > 0 && shown.body.outcomes;
  });
}

const nested = (step: object) => ({
  type: 'branch',
  cases: [{ when: { 'customer.a': 1 }, steps: [] }],
  otherwise: [step],
});

const setState = (campaign: string, state: 'paused' | 'stopped') =>
  hookline.database.db.update(campaigns).set({ state }).where(eq(campaigns.id, campaign));

describe('every entry that was considered leaves an outcome', () => {
  it('entered, with the journey that began', async () => {
    await hookline.publish('welcome', startsOn('signed_up'));
    expect(await outcomesOf({ person: 'ada', name: 'signed_up' })).toEqual([
      {
        campaign: 'welcome',
        version: 1,
        outcome: 'entered',
        reason: 'entered',
        values: {},
        journey: expect.stringMatching(/^jrn_/),
      },
    ]);
  });

  it('notLive, for a campaign that was never started, and for one that was stopped', async () => {
    await hookline.api('PUT', '/v1/campaigns/draft', startsOn('drafted'));
    expect(await outcomesOf({ person: 'ada', name: 'drafted' })).toMatchObject([
      { campaign: 'draft', outcome: 'notLive', reason: 'the campaign is new', journey: null },
    ]);
    await hookline.publish('over', startsOn('over'));
    await setState('over', 'stopped');
    expect(await outcomesOf({ person: 'ada', name: 'over' })).toMatchObject([
      { campaign: 'over', outcome: 'notLive', reason: 'the campaign is stopped', journey: null },
    ]);
  });

  it('paused', async () => {
    await hookline.publish('resting', startsOn('rested'));
    await setState('resting', 'paused');
    expect(await outcomesOf({ person: 'ada', name: 'rested' })).toMatchObject([
      { campaign: 'resting', outcome: 'paused', journey: null },
    ]);
  });

  it('whereFalse, with the values that decided', async () => {
    const where = { 'event.newStatus': 'Gold', 'event.amount': { gte: 100 } };
    await hookline.publish('gold', { trigger: { type: 'event', event: 'updateStatus', where }, steps });
    const data = { newStatus: 'Gold', amount: 7 };
    expect(await outcomesOf({ person: 'ada', name: 'updateStatus', data })).toMatchObject([
      { campaign: 'gold', outcome: 'whereFalse', values: { 'event.amount': 7 }, journey: null },
    ]);
    expect(await outcomesOf({ person: 'ada', name: 'updateStatus' })).toMatchObject([
      { campaign: 'gold', outcome: 'whereFalse', values: {}, journey: null },
    ]);
  });

  it('notInAudience, with the values that decided', async () => {
    await hookline.publish('paying', startsOn('opened', { audience: { 'customer.plan': { ne: 'trial' } } }));
    expect(await outcomesOf({ person: 'tom', name: 'opened', attributes: { plan: 'trial', age: 33 } })).toMatchObject([
      { campaign: 'paying', outcome: 'notInAudience', values: { 'customer.plan': 'trial' }, journey: null },
    ]);
    expect(await outcomesOf({ person: 'tom', name: 'opened', attributes: { plan: 'pro' } })).toMatchObject([
      { campaign: 'paying', outcome: 'entered' },
    ]);
  });

  it('frequency', async () => {
    await hookline.publish('first-time', startsOn('visited', { entry: { frequency: 'once' } }));
    expect(await outcomesOf({ person: 'ada', name: 'visited' })).toMatchObject([{ outcome: 'entered' }]);
    expect(await outcomesOf({ person: 'ada', name: 'visited' })).toMatchObject([
      { campaign: 'first-time', outcome: 'frequency', journey: null },
    ]);
  });

  it('maxConcurrent, with how many journeys run', async () => {
    await hookline.publish('one-at-a-time', startsOn('ordered', { entry: { maxConcurrent: 2 } }));
    expect(await outcomesOf({ person: 'ada', name: 'ordered' })).toMatchObject([{ outcome: 'entered' }]);
    expect(await outcomesOf({ person: 'ada', name: 'ordered' })).toMatchObject([{ outcome: 'entered' }]);
    expect(await outcomesOf({ person: 'ada', name: 'ordered' })).toMatchObject([
      { campaign: 'one-at-a-time', outcome: 'maxConcurrent', values: { active: 2 }, journey: null },
    ]);
  });

  it('backfilled, by its flag or its age', async () => {
    await hookline.publish('fresh', startsOn('imported'));
    expect(await outcomesOf({ person: 'ada', name: 'imported', backfill: true })).toMatchObject([
      { campaign: 'fresh', outcome: 'backfilled', journey: null },
    ]);
    const anHour = 3_600_000;
    const timestamp = new Date(Date.now() - 25 * anHour).toISOString();
    expect(await outcomesOf({ person: 'ada', name: 'imported', timestamp })).toMatchObject([
      { campaign: 'fresh', outcome: 'backfilled', values: { event_timestamp: timestamp }, journey: null },
    ]);
    const recent = new Date(Date.now() - 23 * anHour).toISOString();
    expect(await outcomesOf({ person: 'ada', name: 'imported', timestamp: recent })).toMatchObject([
      { campaign: 'fresh', outcome: 'entered' },
    ]);
  });

  it('suppressed', async () => {
    await hookline.publish('for-all', startsOn('noticed'));
    await hookline.api('PUT', '/v1/people/quiet', {});
    await hookline.database.db.update(people).set({ suppressed: true }).where(eq(people.id, 'quiet'));
    expect(await outcomesOf({ person: 'quiet', name: 'noticed' })).toMatchObject([
      { campaign: 'for-all', outcome: 'suppressed', journey: null },
    ]);
  });

  it('for each campaign that starts on the event, on the version that is current then', async () => {
    await hookline.publish('a-campaign', startsOn('shared'));
    await hookline.publish('b-campaign', startsOn('shared', { audience: { 'customer.vip': true } }));
    await hookline.publish('b-campaign', startsOn('shared', { audience: { 'customer.vip': false } }));
    expect(await outcomesOf({ person: 'eve', name: 'shared' })).toMatchObject([
      { campaign: 'a-campaign', version: 1, outcome: 'entered' },
      { campaign: 'b-campaign', version: 2, outcome: 'notInAudience', values: {} },
    ]);
  });
});

describe('an event that no campaign names', () => {
  it('says so, with the nearest name that one does', async () => {
    await hookline.publish('nearby', startsOn('cart_abandoned'));
    await hookline.api('POST', '/v1/events', { id: 'odd', person: 'ada', name: 'cart_abandonned' });
    const { body } = await hookline.api<{ hint: string }>('GET', '/v1/events/odd');
    expect(body).toMatchObject({
      outcomes: [],
      hint: 'No campaign starts on "cart_abandonned". Did you mean "cart_abandoned"?',
    });
  });

  it.each([
    ['reached', 'named-1 has it as goal', { goal: { event: 'reached', within: '1d' } }],
    ['gone', 'named-2 ends for it', { exit: { events: ['other', 'gone'] } }],
    ['asked', 'named-3 asks for it', { audience: { or: [{ performed: { event: 'asked' } }] } }],
    ['awaited', 'named-4 waits for it', { steps: [nested({ type: 'wait', event: 'awaited' })] }],
  ])('but waits, goals, exits or conditions do, says which: %s', async (name, where, rules) => {
    const id = where.split(' ')[0] ?? '';
    await hookline.publish(id, { ...startsOn(`begin-${id}`), ...rules });
    await hookline.api('POST', '/v1/events', { id, person: 'ada', name });
    expect((await hookline.api('GET', `/v1/events/${id}`)).body).toMatchObject({
      outcomes: [],
      hint: `No campaign starts on "${name}". ${where}: see the log of the person's journeys.`,
    });
    await hookline.api('POST', '/v1/events', { id: `${id}-old`, person: 'ada', name, backfill: true });
    expect((await hookline.api('GET', `/v1/events/${id}-old`)).body).toMatchObject({
      hint: `No campaign starts on "${name}". ${where}, but what is sent as backfill, or over 24 h late, counts for conditions alone.`,
    });
    await hookline.api('POST', '/v1/events', { id: `${id}-misspelt`, person: 'ada', name: `${name}x` });
    expect((await hookline.api('GET', `/v1/events/${id}-misspelt`)).body).toMatchObject({
      hint: `No campaign starts on "${name}x". Did you mean "${name}"?`,
    });
  });
});
