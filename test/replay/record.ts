import { respond } from '../support/behaviours.ts';
import { eventually } from '../support/eventually.ts';
import { startHookline, type Hookline } from '../support/hookline.ts';
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
    await hookline.api('PUT', '/v1/people/mary', { attributes: { due: new Date(Date.now() + 3_600_000).toISOString() } });
    await hookline.api('POST', '/v1/events', { person: 'mary', name: 'signed_up' });
    await untilAt(hookline, 'waiting', 'pay');
    await hookline.api('POST', '/v1/events', { person: 'mary', name: 'paid' });
    await untilAt(hookline, 'waiting', 'date');
    await hookline.api('PUT', '/v1/people/mary', { attributes: { due: '2026-01-01' } });
    await untilAt(hookline, 'awaitingApproval', 'letter');
    const { body } = await hookline.api<{ data: { id: string }[] }>('GET', '/v1/deliveries?state=drafted');
    await hookline.api('POST', `/v1/deliveries/${body.data[0]?.id}/approve`);
    const { id } = await hookline.ended('mary');
    const handle = hookline.client.workflow.getHandle(`journey/${id}/1`);
    await handle.result();
    return anonymous(toJson(await handle.fetchHistory()), receiver.origin);
  } finally {
    await Promise.all([hookline.stop(), receiver.close()]);
  }
}

/** Resolves once the person's journey stands at a step. */
const untilAt = ({ api }: Hookline, state: string, step: string) =>
  eventually(async () => {
    type Listed = { data: { state: string; step: { id: string } | null }[] };
    const [journey] = (await api<Listed>('GET', '/v1/journeys?person=mary')).body.data;
    return journey?.state === state && journey.step?.id === step;
  });

const campaign = (origin: string) => ({
  trigger: { type: 'event', event: 'signed_up' },
  steps: [
    { type: 'delay', id: 'rest', for: '1s' },
    { type: 'wait', id: 'pay', event: 'paid', timeout: '1h', onTimeout: [{ type: 'exit', id: 'unpaid' }] },
    { type: 'wait', id: 'never-paid', event: 'paid', timeout: '1s' },
    { type: 'delay', id: 'date', until: { attribute: 'due' } },
    { type: 'split', id: 'test', variants: [{ name: 'all', percent: 100, steps: [{ type: 'delay', id: 'in', for: '1s' }] }] },
    {
      type: 'webhook',
      id: 'letter',
      url: `${origin}/letter`,
      send: 'draft',
      response: { attributes: { letter: '{{ response.id }}' } },
    },
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
