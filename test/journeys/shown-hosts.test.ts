import { defaultPayloadConverter } from '@temporalio/common';
import { workflowMetadataQuery } from '@temporalio/workflow';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { respond } from '../support/behaviours.ts';
import { eventually } from '../support/eventually.ts';
import { startHookline, type Hookline } from '../support/hookline.ts';
import { startReceiver, type Receiver } from '../support/receiver.ts';

let hookline: Hookline;
let receiver: Receiver;

/** It leads nowhere, which failures tell of. */
const GONE = 'http://gone-crm.invalid';

/** Knows no name, and says so as DNS does. */
const lookup = async (name: string) => {
  throw Object.assign(new Error(`getaddrinfo ENOTFOUND ${name}`), { code: 'ENOTFOUND' });
};

beforeAll(async () => {
  [hookline, receiver] = await Promise.all([startHookline({ retryFirstDelayMs: 50, lookup }), startReceiver()]);
  await hookline.api('PUT', '/v1/secrets/crm', { value: receiver.origin });
  await hookline.api('PUT', '/v1/secrets/old_crm', { value: GONE });
  await hookline.api('PUT', '/v1/people/mary-7f3a91', { attributes: { street: 'Rue du Secret 12' } });
});

afterAll(async () => {
  await hookline.stop();
  await receiver.close();
});

/** Where each webhook says who it is about, in its path, and in its body. */
const webhook = (origin: string, fields: object = {}) => ({
  url: `${origin}/of/{{ customer.id }}`,
  body: { json: { street: '{{ customer.street }}' } },
  retry: { times: 1 },
  response: { attributes: { answered: '{{ response.lead }}' } },
  ...fields,
});

/** All that Temporal has of a workflow that has ended, payloads decoded, and of that what its UI shows beside the events. */
async function seenOf(workflowId: string) {
  const handle = hookline.client.workflow.getHandle(workflowId);
  await handle.result();
  const { events } = await handle.fetchHistory();
  const text = JSON.stringify(events, (key, value: unknown) =>
    key === 'data' && typeof value === 'string' ? Buffer.from(value, 'base64').toString() : value,
  );
  const summaries = (events ?? []).flatMap(({ userMetadata }) =>
    userMetadata?.summary ? [defaultPayloadConverter.fromPayload<string>(userMetadata.summary)] : [],
  );
  const details = (await handle.query(workflowMetadataQuery)).currentDetails;
  const { memo, searchAttributes } = await handle.describe();
  return { summaries, details, all: JSON.stringify([text, summaries, details, memo, searchAttributes]) };
}

/** Nor anything of a host out of a secret. */
const expectNothingOfMary = ({ all }: { all: string }) => {
  expect(all).not.toMatch(/mary-7f3a91|Rue du Secret|lead-of-mary/);
  for (const origin of [receiver.origin, GONE]) expect(all).not.toContain(new URL(origin).host);
};

describe('the UI of Temporal', () => {
  it('shows steps, times, method and host of a webhook, but *** for a host out of a secret', async () => {
    const lead = respond({ json: { lead: 'lead-of-mary' } });
    receiver.on('/of/mary-7f3a91', respond({ status: 503 }), lead);
    await hookline.publish('shown', {
      trigger: { type: 'event', event: 'came' },
      steps: [
        { type: 'webhook', id: 'hidden', ...webhook('{{ secrets.crm | raw }}') },
        { type: 'delay', id: 'rest', for: '1s' },
        { type: 'webhook', id: 'gone', ...webhook('{{ secrets.old_crm | raw }}', { method: 'PUT' }) },
        { type: 'webhook', id: 'open', ...webhook('http://nobody.invalid', { method: 'PATCH' }) },
      ],
    });
    await hookline.api('POST', '/v1/events', { person: 'mary-7f3a91', name: 'came', data: { note: 'lead-of-mary' } });
    const { id, deliveries } = await hookline.ended('mary-7f3a91', 25_000);
    const journey = await seenOf(`journey/${id}/1`);
    expect(journey.summaries).toEqual([
      'shown · version 1',
      'POST *** · hidden',
      expect.stringMatching(/^rest until \d{4}-.*Z$/),
      'PUT *** · gone',
      'PATCH http://nobody.invalid · open',
    ]);
    expect(journey.details).toMatch(/^- ✅ hidden\n- ✅ rest\n- ❌ gone\n- ❌ open\n\n/);
    expectNothingOfMary(journey);
    expect(await hookline.attributes('mary-7f3a91')).toMatchObject({ answered: 'lead-of-mary' });

    await hookline.api('POST', `/v1/deliveries/${deliveries[0]}/resend`, {});
    const resend = await eventually(async () => {
      type Detail = { attempts: { id: string; trigger: string; class: string }[] };
      const { body } = await hookline.api<Detail>('GET', `/v1/deliveries/${deliveries[0]}`);
      return body.attempts.find(({ trigger, class: came }) => trigger !== 'automatic' && came === 'sent');
    });
    const again = await seenOf(`resend/${resend.id}`);
    expect(again.summaries).toEqual(['POST ***', 'POST ***']);
    expectNothingOfMary(again);
  }, 60_000);

  it('shows the same of a delivery without a journey', async () => {
    receiver.on('/of/mary-7f3a91', respond());
    for (const [name, origin, shown] of [
      ['hidden', '{{ secrets.crm | raw }}', 'POST ***'],
      ['open', 'http://nobody.invalid', 'POST http://nobody.invalid'],
    ] as const) {
      await hookline.api('PUT', `/v1/webhooks/${name}`, webhook(origin));
      const send = { person: 'mary-7f3a91', data: { note: 'lead-of-mary' } };
      const { body } = await hookline.api<{ delivery: { id: string } }>('POST', `/v1/webhooks/${name}/send`, send);
      const workflowId = `delivery/${body.delivery.id}`;
      await eventually(() =>
        hookline.client.workflow
          .getHandle(workflowId)
          .describe()
          .catch(() => undefined),
      );
      const seen = await seenOf(workflowId);
      expect(seen.summaries).toEqual([shown, shown]);
      expectNothingOfMary(seen);
    }
  }, 30_000);
});
