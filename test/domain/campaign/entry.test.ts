import { describe, expect, it } from 'vitest';
import { validateCampaign } from '../../../domain/campaign/campaign.ts';
import { refuseEntrant, refuseRepeat, type Entrant, type EntryHistory } from '../../../domain/campaign/entry.ts';
import { evaluateCondition, type Facts } from '../../../domain/condition/evaluate-condition.ts';
import { NO_FACTS } from '../../../domain/condition/facts.ts';
import { buildScope } from '../../../domain/scope.ts';

const now = new Date('2030-01-02T12:00:00Z');
const steps = [{ type: 'exit' }];
const campaign = (fields: object) =>
  validateCampaign({ id: 'a', trigger: { type: 'event', event: 'bought' }, steps, ...fields }).campaign;

/** Mary, who bought for 20 just now, before a campaign that is live. */
function entrant({ facts = NO_FACTS, ...changes }: Partial<Entrant> & { facts?: Facts } = {}): Entrant {
  const bought = { id: 'evt_1', name: 'bought', timestamp: now, data: { amount: 20 } };
  const scope = buildScope({ person: { id: 'mary', attributes: { plan: 'gold' } }, event: bought, now });
  return {
    campaignState: 'live',
    suppressed: false,
    depth: 0,
    event: { timestamp: now, receivedAt: now, backfill: false },
    judge: (condition) => evaluateCondition(condition, scope, now, facts),
    ...changes,
  };
}

/** An event of this age when it was received. */
const aged = (ms: number) => ({ timestamp: new Date(now.getTime() - ms), receivedAt: now, backfill: false });

const refusalOf = async (...asked: Parameters<typeof refuseEntrant>) => (await refuseEntrant(...asked)).refusal;

const DAY_MS = 24 * 60 * 60 * 1000;

describe('who may enter', () => {
  it.each([
    ['everybody, where nothing is asked', {}, entrant()],
    ['who meets where and audience', { audience: { 'customer.plan': 'gold' } }, entrant()],
    ['somebody named by hand, for whom there is no event', {}, entrant({ event: null })],
    ['an event of exactly one day ago', {}, entrant({ event: aged(DAY_MS) })],
    ['an event from a clock that is ahead', {}, entrant({ event: aged(-DAY_MS * 2) })],
  ])('%s', async (_, fields, who) => {
    expect(await refusalOf(campaign(fields), who)).toBeNull();
  });

  it.each([
    ['new', 'notLive', 'the campaign is new'],
    ['stopped', 'notLive', 'the campaign is stopped'],
    ['paused', 'paused', 'the campaign is paused'],
  ] as const)('nobody into a campaign that is %s', async (campaignState, outcome, reason) => {
    expect(await refusalOf(campaign({}), entrant({ campaignState }))).toEqual({ outcome, reason, values: {} });
  });

  it('nobody by an event that was sent as backfill', async () => {
    const event = { timestamp: now, receivedAt: now, backfill: true };
    expect(await refusalOf(campaign({}), entrant({ event }))).toEqual({
      outcome: 'backfilled',
      reason: 'the event was sent as backfill',
      values: {},
    });
  });

  it('nobody by an event of more than a day ago', async () => {
    expect(await refusalOf(campaign({}), entrant({ event: aged(DAY_MS + 1) }))).toEqual({
      outcome: 'backfilled',
      reason: 'the event is more than 24 h older than its receipt',
      values: { event_timestamp: '2030-01-01T11:59:59.999Z' },
    });
  });

  it('nobody who is suppressed', async () => {
    expect(await refusalOf(campaign({}), entrant({ suppressed: true }))).toMatchObject({ outcome: 'suppressed' });
  });

  it("nobody whose event fails the trigger's where, with what it had", async () => {
    const picky = campaign({ trigger: { type: 'event', event: 'bought', where: { 'event.amount': { gte: 50 } } } });
    expect(await refusalOf(picky, entrant())).toEqual({
      outcome: 'whereFalse',
      reason: "the trigger's where does not hold",
      values: { 'event.amount': 20 },
    });
  });

  it('nobody outside the audience, with what they had', async () => {
    const silver = campaign({ audience: { 'customer.plan': 'silver' } });
    expect(await refusalOf(silver, entrant())).toEqual({
      outcome: 'notInAudience',
      reason: 'the person is not in the audience',
      values: { 'customer.plan': 'gold' },
    });
  });

  it('a person named by hand is asked for the audience too, but for no event', async () => {
    const manual = campaign({ trigger: { type: 'manual' }, audience: { 'customer.plan': 'silver' } });
    expect(await refusalOf(manual, entrant({ event: null }))).toMatchObject({ outcome: 'notInAudience' });
  });

  it('what the campaign is comes before what the person is', async () => {
    const who = entrant({ campaignState: 'paused', suppressed: true });
    expect(await refusalOf(campaign({ audience: { 'customer.plan': 'silver' } }), who)).toMatchObject({
      outcome: 'paused',
    });
  });
});

describe('the values that let somebody in', () => {
  it("are those that the trigger's where and the audience saw, each asked once", async () => {
    const asked: string[] = [];
    const facts = {
      ...NO_FACTS,
      inSegment: async (segment: string) => asked.push(segment) > 0,
    };
    const picky = campaign({
      trigger: { type: 'event', event: 'bought', where: { 'event.amount': 20 } },
      audience: { segment: 'gold', 'customer.plan': 'gold' },
    });
    expect(await refuseEntrant(picky, entrant({ facts }))).toEqual({
      refusal: null,
      values: { 'event.amount': 20, 'customer.plan': 'gold', 'segment gold': true },
    });
    expect(asked).toEqual(['gold']);
  });
});

describe('who may enter again', () => {
  const latest = { journey: 'jrn_1', at: '2029-12-31T12:00:00.000Z' };
  const again = (fields: object, history: Partial<EntryHistory>) =>
    refuseRepeat(campaign(fields), { latest, lastHour: 0, active: 0, ...history }, now);

  it('everybody, up to 100 times at once', () => {
    expect(again({}, { active: 99 })).toBeNull();
    expect(again({}, { active: 100 })).toMatchObject({ outcome: 'maxConcurrent' });
  });

  it('nobody who has entered, where once is enough', () => {
    const once = { entry: { frequency: 'once' } };
    expect(again(once, { latest: null })).toBeNull();
    expect(again(once, {})).toEqual({
      outcome: 'frequency',
      reason: 'the person has entered before and may do so once',
      values: latest,
    });
  });

  it('nobody who has entered within the time that once is enough for, with when they may', () => {
    expect(again({ entry: { frequency: { oncePer: '1h' } } }, {})).toBeNull();
    expect(again({ entry: { frequency: { oncePer: '3650d' } } }, {})).toEqual({
      outcome: 'frequency',
      reason: 'the person may enter once per 3650d',
      values: { ...latest, again: '2039-12-29T12:00:00.000Z' },
    });
  });

  it('nobody who entered too often within an hour: a loop through the outside ends there', () => {
    expect(again({}, { lastHour: 999 })).toBeNull();
    expect(again({ entry: { maxPerHour: 3 } }, { lastHour: 3 })).toEqual({
      outcome: 'guard',
      reason: 'the person entered 3 times within an hour, of at most 3',
      values: { lastHour: 3 },
    });
  });

  it('nobody who is inside as often as is allowed, with how often that is', () => {
    const single = { entry: { maxConcurrent: 1 } };
    expect(again(single, {})).toBeNull();
    expect(again(single, { active: 1 })).toEqual({
      outcome: 'maxConcurrent',
      reason: 'the person has 1 running journeys of at most 1',
      values: { active: 1 },
    });
  });
});
