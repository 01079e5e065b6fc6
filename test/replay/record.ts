import { respond } from '../support/behaviours.ts';
import { startHookline } from '../support/hookline.ts';
import { startReceiver } from '../support/receiver.ts';
import { toJson } from './history-json.ts';

/**
 * Takes a person through a campaign that has each kind of step, on the whole of Hookline, and answers the workflow's history as
 * JSON. Each release keeps the one of its day, made by
 *
 *     HOOKLINE_RECORD=journey-v2 npx vitest run test/replay
 *
 * and none is ever changed or deleted: journeys that began with it may still be under way.
 */
export async function recordJourney(): Promise<object> {
  const [hookline, receiver] = await Promise.all([startHookline({ retryFirstDelayMs: 50 }), startReceiver()]);
  try {
    receiver.on('/lead', respond({ status: 503 }), respond({ status: 201, json: { id: 'lead-7', score: 5 } }));
    await hookline.publish('recorded', campaign(receiver.origin));
    await hookline.api('POST', '/v1/events', { person: 'mary', name: 'signed_up' });
    const { id } = await hookline.ended('mary');
    const handle = hookline.client.workflow.getHandle(`journey/${id}/1`);
    await handle.result();
    return anonymous(toJson(await handle.fetchHistory()), receiver.origin);
  } finally {
    await Promise.all([hookline.stop(), receiver.close()]);
  }
}

const campaign = (origin: string) => ({
  trigger: { type: 'event', event: 'signed_up' },
  steps: [
    { type: 'delay', id: 'rest', for: '1s' },
    {
      type: 'webhook',
      id: 'lead',
      url: `${origin}/lead`,
      body: { json: { person: '{{ customer.id }}' } },
      response: { attributes: { lead: '{{ response.id }}' } },
    },
    {
      type: 'branch',
      id: 'fork',
      cases: [
        {
          when: { 'responses.lead.score': { gte: 3 } },
          steps: [
            { type: 'update', id: 'note', attributes: { hot: 'yes' } },
            { type: 'webhook', id: 'never', url: `${origin}/never`, send: 'never' },
            { type: 'exit', id: 'out', reason: 'a hot lead' },
          ],
        },
      ],
    },
  ],
});

/** A copy without what names a machine: addresses (also inside payloads), processes, hosts, queues and stack traces. */
const anonymous = (history: object, origin: string): object =>
  JSON.parse(JSON.stringify(history), (key, value: unknown) => {
    if (typeof value !== 'string') return value;
    if (key === 'identity') return 'worker';
    if (key === 'stackTrace') return '';
    if (key === 'data') return base64(text(value).replaceAll(origin, 'https://crm.example'));
    return value.replace(/^(?:\d+@.*|test-[0-9a-f-]{36})$/, 'hookline');
  }) as object;

const text = (data: string) => Buffer.from(data, 'base64').toString();
const base64 = (data: string) => Buffer.from(data).toString('base64');
