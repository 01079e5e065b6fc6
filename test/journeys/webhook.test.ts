import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { respond } from '../support/behaviours.ts';
import { startHookline, type Hookline } from '../support/hookline.ts';
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

describe('a journey with a webhook', () => {
  it('goes from an event over the request to an attribute set from its answer', async () => {
    receiver.on('/status', respond({ status: 200, body: '{"status":"Gold"}' }));
    await hookline.publish('status', {
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

    const { body } = await hookline.api('POST', '/v1/events', {
      person: 'mary',
      name: 'updateStatus',
      data: { newStatus: 'Gold' },
    });
    expect(body).toMatchObject({ accepted: 1, duplicates: 0, errors: [] });

    const journey = await hookline.ended('mary');
    expect(journey).toMatchObject({
      campaign: 'status',
      version: 1,
      state: 'completed',
      step: null,
      log: [
        { step: 'tell', what: 'rendered', state: 'queued' },
        { step: 'tell', what: 'sent', status: 200, attempts: 1 },
        { step: null, what: 'completed' },
      ],
    });
    expect(await hookline.attributes('mary')).toEqual({ currentMemberStatus: 'Gold' });
    const delivery = await hookline.api('GET', `/v1/deliveries/${journey.deliveries[0]}`);
    expect(delivery.body).toMatchObject({
      state: 'sent',
      attempts: [{ number: 1, class: 'sent', status: 200, response: { body: '{"status":"Gold"}', truncated: false } }],
      mapping: { state: 'applied', attributes: { currentMemberStatus: 'Gold' } },
    });
    expect(receiver.requests).toMatchObject([{ method: 'POST', url: '/status?user=mary' }]);
  });
});
