import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { eventually } from '../support/eventually.ts';
import { startHookline, type Hookline } from '../support/hookline.ts';

let hookline: Hookline;

beforeAll(async () => {
  hookline = await startHookline({ worker: false });
});

afterAll(() => hookline.stop());

type EventBody = { outcomes: { journey: string | null }[]; hint?: string };
const read = async (id: string) => (await hookline.api<EventBody>('GET', `/v1/events/${id}`)).body;

/** The event once the relay has considered it; with `name` another than any campaign's it would never be. */
const considered = (id: string) =>
  eventually(async () => {
    const event = await read(id);
    return event.outcomes.length > 0 && event;
  });
const steps = [{ type: 'exit' }];

describe('GET /v1/events/:id', () => {
  it('says per campaign what the event did, why, and by which values', async () => {
    const trigger = { type: 'event', event: 'bought', where: { 'event.amount': { gte: 100 } } };
    await hookline.publish('big-buyers', { trigger, steps });
    await hookline.publish('all-buyers', { trigger: { type: 'event', event: 'bought' }, steps });
    await hookline.api('PUT', '/v1/campaigns/not-started', { trigger: { type: 'event', event: 'bought' }, steps });
    await hookline.publish('gold-buyers', {
      trigger: { type: 'event', event: 'bought' },
      audience: { 'customer.plan': 'gold' },
      steps,
    });

    await hookline.api('POST', '/v1/events', {
      id: 'buy-1',
      person: 'ada',
      name: 'bought',
      data: { amount: 5 },
      attributes: { plan: 'silver' },
    });
    const event = await considered('buy-1');
    expect(event).not.toHaveProperty('hint');
    expect(event.outcomes).toEqual([
      {
        campaign: 'all-buyers',
        version: 1,
        outcome: 'entered',
        reason: 'entered',
        values: {},
        journey: expect.stringMatching(/^jrn_/),
      },
      {
        campaign: 'big-buyers',
        version: 1,
        outcome: 'whereFalse',
        reason: "the trigger's where does not hold",
        values: { 'event.amount': 5 },
        journey: null,
      },
      {
        campaign: 'gold-buyers',
        version: 1,
        outcome: 'notInAudience',
        reason: 'the person is not in the audience',
        values: { 'customer.plan': 'silver' },
        journey: null,
      },
      {
        campaign: 'not-started',
        version: 1,
        outcome: 'notLive',
        reason: 'the campaign is new',
        values: {},
        journey: null,
      },
    ]);
    const journey = await hookline.api('GET', `/v1/journeys/${event.outcomes[0]?.journey}`);
    expect(journey.body).toMatchObject({ campaign: 'all-buyers', person: 'ada' });
  });

  it('says by which values it was let in, and which earlier entry keeps it out', async () => {
    await hookline.publish('first-buy', {
      trigger: { type: 'event', event: 'paid', where: { 'event.amount': { gte: 10 } } },
      audience: { 'customer.plan': { ne: 'trial' } },
      entry: { frequency: 'once' },
      steps,
    });
    const pay = (id: string) =>
      hookline.api('POST', '/v1/events', { id, person: 'may', name: 'paid', data: { amount: 12 } });
    await pay('pay-1');
    const [entered] = (await considered('pay-1')).outcomes;
    expect(entered).toMatchObject({ outcome: 'entered', values: { 'event.amount': 12 } });
    await pay('pay-2');
    expect((await considered('pay-2')).outcomes).toMatchObject([
      { outcome: 'frequency', values: { journey: entered?.journey, at: expect.stringMatching(/Z$/) } },
    ]);
  });

  it('judges an event with the attributes that came with it', async () => {
    await hookline.publish('upgraded', {
      trigger: { type: 'event', event: 'upgraded' },
      audience: { 'customer.plan': 'gold' },
      steps,
    });
    await hookline.api('POST', '/v1/events', {
      id: 'upgrade',
      person: 'grace',
      name: 'upgraded',
      attributes: { plan: 'gold' },
    });
    expect((await considered('upgrade')).outcomes).toMatchObject([{ outcome: 'entered' }]);
  });

  it('says that a duplicate did nothing by showing the first alone', async () => {
    await hookline.publish('again', { trigger: { type: 'event', event: 'again' }, steps });
    const event = { id: 'again', person: 'lin', name: 'again' };
    await Promise.all(Array.from({ length: 10 }, () => hookline.api('POST', '/v1/events', event)));
    await considered('again');
    await hookline.api('POST', '/v1/events', event);
    await hookline.api('POST', '/v1/events', { id: 'after', person: 'lin', name: 'again' });
    await considered('after');
    const { body } = await hookline.api<{ data: unknown[] }>('GET', '/v1/journeys?person=lin');
    expect(body.data).toHaveLength(2);
  });

  it.each([
    ['sent as backfill', { backfill: true }, 'the event was sent as backfill'],
    [
      'that is more than a day late',
      { timestamp: '2020-01-01T00:00:00Z' },
      'the event is more than 24 h older than its receipt',
    ],
  ])('says that an event %s starts nothing', async (_, fields, reason) => {
    await hookline.publish('late', { trigger: { type: 'event', event: 'late' }, steps });
    const { body } = await hookline.api<{ ids: string[] }>('POST', '/v1/events', {
      person: 'nell',
      name: 'late',
      ...fields,
    });
    const { outcomes } = await considered(body.ids[0] ?? '');
    expect(outcomes).toMatchObject([{ campaign: 'late', outcome: 'backfilled', reason, journey: null }]);
  });

  it.each([
    ['updatestatus', 'No campaign starts on "updatestatus". Did you mean "updateStatus"?'],
    ['updateStauts', 'No campaign starts on "updateStauts". Did you mean "updateStatus"?'],
    ['something else', 'No campaign starts on "something else".'],
    ['__proto__', 'No campaign starts on "__proto__".'],
  ])('hints at the nearest name that a campaign has for "%s"', async (name, hint) => {
    await hookline.publish('status', { trigger: { type: 'event', event: 'updateStatus' }, steps });
    const { body } = await hookline.api<{ ids: string[] }>('POST', '/v1/events', { person: 'mary', name });
    expect(await read(body.ids[0] ?? '')).toMatchObject({ outcomes: [], hint });
  });
});
