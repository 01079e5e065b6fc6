import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startHookline, type Hookline } from '../support/hookline.ts';

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
});
