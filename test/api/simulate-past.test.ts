import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startHookline, type Hookline } from '../support/hookline.ts';
import { expectProblem } from '../support/problem.ts';

let hookline: Hookline;

beforeAll(async () => {
  hookline = await startHookline({ worker: false, relays: 0 });
});

afterAll(() => hookline.stop());

type Simulated = { entry: { outcome: string; values: object }; journey: { log: object[] } | null };
const simulate = (body: unknown) => hookline.api<Simulated>('POST', '/v1/campaigns/simulate', body);

describe('a simulation', () => {
  it('counts what a stored person did, and the event that is tried out', async () => {
    await hookline.api('POST', '/v1/events', [
      { person: 'ada', name: 'paid', data: { amount: 5 } },
      { person: 'ada', name: 'paid', data: { amount: 1 } },
    ]);
    const performed = { event: 'paid', where: { 'event.amount': { gte: 5 } }, count: { gte: 2 } };
    const definition = {
      trigger: { type: 'event', event: 'paid' },
      audience: { performed },
      steps: [{ type: 'branch', cases: [{ when: { performed: { event: 'paid', count: { gte: 3 } } }, steps: [] }] }],
    };
    const event = { data: { amount: 7 } };
    const seen = `performed paid where ${JSON.stringify(performed.where)}`;
    const { body } = await simulate({ definition, person: 'ada', event });
    expect(body).toMatchObject({ entry: { outcome: 'entered', values: { [seen]: 2 } } });
    expect(body.journey?.log[0]).toMatchObject({
      taken: 0,
      evaluated: [{ holds: true, values: { 'performed paid': 3 } }],
    });
    const alone = await simulate({ definition, customer: {}, event });
    expect(alone.body).toMatchObject({ entry: { outcome: 'notInAudience', values: { [seen]: 1 } } });
  });

  it('judges segments by the attributes and events of the time, also those that ask for others', async () => {
    await hookline.api('PUT', '/v1/segments/gold', { condition: { 'customer.plan': 'gold' } });
    await hookline.api('PUT', '/v1/segments/buyers', { condition: { performed: { event: 'bought' } } });
    await hookline.api('PUT', '/v1/segments/best', { condition: { segment: 'gold', performed: { event: 'bought' } } });
    const isIn = (segment: string) => ({ type: 'branch', cases: [{ when: { segment }, steps: [] }] });
    const definition = {
      trigger: { type: 'manual' },
      audience: { segment: 'gold' },
      steps: [
        isIn('buyers'),
        { type: 'wait', until: { segment: 'best' }, timeout: '2d' },
        isIn('buyers'),
        { type: 'update', attributes: { plan: 'free' } },
        isIn('best'),
      ].map((step, index) => ({ ...step, id: `s${index}` })),
    };
    const events = [{ after: '1d', name: 'bought' }];
    await hookline.api('PUT', '/v1/people/eve', { attributes: { plan: 'gold' } });
    for (const who of [{ customer: { plan: 'gold' } }, { person: 'eve' }]) {
      const { body } = await simulate({ definition, ...who, events });
      expect(body.entry).toEqual({ outcome: 'entered', reason: 'entered', values: { 'segment gold': true } });
      expect(body.journey?.log).toMatchObject([
        { step: 's0', taken: null },
        { step: 's1', what: 'waiting' },
        { step: 's1', what: 'fulfilled' },
        { step: 's2', taken: 0 },
        { step: 's3', what: 'updated' },
        { step: 's4', taken: null },
        { what: 'completed' },
      ]);
    }
  });

  it('is refused where the definition names a segment that is not there', async () => {
    await hookline.api('PUT', '/v1/segments/silver', { condition: { 'customer.plan': 'silver' } });
    const definition = { trigger: { type: 'manual' }, audience: { segment: 'silvre' }, steps: [{ type: 'exit' }] };
    expect(expectProblem(await simulate({ definition, customer: {} }), 422, 'campaigns.invalid').faults).toEqual([
      'definition.audience.segment: no segment has the id "silvre"; did you mean "silver"?',
    ]);
  });

  it('finds the most active hour by the 28 days before the step', async () => {
    const seen = (time: string, times: number) =>
      Array.from({ length: times }, () => ({ person: 'kim', name: 'seen', timestamp: `2026-02-${time}:00:00Z` }));
    await hookline.api('POST', '/v1/events', [...seen('01T09', 11), ...seen('20T15', 10)]);
    const until = { mostActiveHour: true, time: '07:00' };
    const definition = {
      trigger: { type: 'manual' },
      steps: [
        { type: 'delay', id: 'now', until },
        { type: 'delay', for: '14d' },
        { type: 'delay', id: 'later', until },
      ],
    };
    const { body } = await simulate({ definition, person: 'kim', now: '2026-02-21T00:00:00Z' });
    const delayed = body.journey?.log.filter((line) => 'what' in line && line.what === 'delayed');
    expect(delayed).toMatchObject([{ step: 'now', hour: 9 }, {}, { step: 'later', hour: 15 }]);
  });

  it('sends nothing to who is suppressed', async () => {
    await hookline.api('PUT', '/v1/people/sue', { attributes: {} });
    await hookline.api('POST', '/v1/people/sue/suppress');
    const tell = { type: 'webhook', id: 'tell', url: 'https://example.com/' };
    const definition = { trigger: { type: 'manual' }, steps: [tell] };
    const { body } = await simulate({ definition, person: 'sue', ignoreEntry: true });
    expect(body).toMatchObject({ entry: { outcome: 'suppressed' }, journey: { state: 'completed' } });
    expect(body.journey).toMatchObject({
      log: [{ what: 'rendered', state: 'skipped' }, { what: 'completed' }],
      deliveries: [{ state: 'skipped', answer: null }],
    });
  });
});
