import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { eventually } from '../support/eventually.ts';
import { startHookline, type Hookline } from '../support/hookline.ts';
import { respond } from '../support/behaviours.ts';
import { startReceiver, type Receiver } from '../support/receiver.ts';

let hookline: Hookline;
let receiver: Receiver;

beforeAll(async () => {
  [hookline, receiver] = await Promise.all([startHookline({ retryFirstDelayMs: 50 }), startReceiver()]);
});

afterAll(async () => {
  await hookline.stop();
  await receiver.close();
});

describe('a journey', () => {
  it('goes from an event over a webhook to an attribute set from its answer', async () => {
    receiver.on('/status', respond({ status: 200, body: '{"status":"Gold"}' }));
    await hookline.api('PUT', '/v1/campaigns/status', {
      trigger: { type: 'event', event: 'updateStatus', where: { 'event.newStatus': 'Gold' } },
      steps: [
        {
          type: 'webhook',
          id: 'tell',
          url: receiver.url('/status?user={{User ID}}'),
          body: { data: { status: "{{parameter['newStatus']}}" } },
          response: { attributes: { currentMemberStatus: '{{ response.status }}' } },
        },
      ],
    });
    await hookline.api('POST', '/v1/campaigns/status/start');

    const { body } = await hookline.api('POST', '/v1/events', {
      person: 'mary',
      name: 'updateStatus',
      data: { newStatus: 'Gold' },
    });
    expect(body).toMatchObject({ accepted: 1, duplicates: 0, errors: [] });

    const journey = await eventually(async () => {
      const { body: list } = await hookline.api('GET', '/v1/journeys?person=mary&state=completed');
      return list.data[0];
    });
    const person = await hookline.api('GET', '/v1/people/mary');
    expect(person.body.attributes).toEqual({ currentMemberStatus: 'Gold' });
    const detail = await hookline.api('GET', `/v1/journeys/${journey.id}`);
    const delivery = await hookline.api('GET', `/v1/deliveries/${detail.body.deliveries[0]}`);
    console.log(JSON.stringify([detail.body, delivery.body], null, 1));
    expect(delivery.body).toMatchObject({ state: 'sent', attempts: [{ number: 1, class: 'sent', status: 200 }] });
  });
});
