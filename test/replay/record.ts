import { sql } from 'drizzle-orm';
import { respond } from '../support/behaviours.ts';
import { eventually } from '../support/eventually.ts';
import { startHookline, type Hookline } from '../support/hookline.ts';
import { holdTransaction, untilBlocked } from '../support/locks.ts';
import { startReceiver, type Receiver } from '../support/receiver.ts';
import { toJson } from './history-json.ts';

/**
 * Histories of the workflows as they are today, on the whole of Hookline, as JSON: of a journey that has each kind of step and hold, of
 * one that stood in line, of one that was ended where it stood, of one that a broadcast began, of a delivery that holds no journey, and
 * of a broadcast. Each release keeps those of its day, made by
 *
 *     HOOKLINE_RECORD=v4 npx vitest run test/replay test/journeys/continued.test.ts
 *
 * and none is ever changed or deleted: workflows that began with it may still be under way. Runs that are continued as new need a server
 * of their own, and are recorded by `test/journeys/continued.test.ts` in the same way.
 */
export const RECORDINGS = {
  journey: recordJourney,
  parked: recordParked,
  exited: recordExited,
  entered: recordEntered,
  delivery: recordDelivery,
  broadcast: recordBroadcast,
};

type Stage = { hookline: Hookline; receiver: Receiver };

/** What it is called in Temporal, once it has been played. */
async function record(play: (stage: Stage) => Promise<string>): Promise<object> {
  const [hookline, receiver] = await Promise.all([startHookline({ retryFirstDelayMs: 50 }), startReceiver()]);
  try {
    const handle = hookline.client.workflow.getHandle(await play({ hookline, receiver }));
    await handle.result();
    return anonymous(toJson(await handle.fetchHistory()), receiver.origin);
  } finally {
    await Promise.all([hookline.stop(), receiver.close()]);
  }
}

function recordJourney(): Promise<object> {
  return record(async ({ hookline, receiver }) => {
    receiver.on('/lead', respond({ status: 503 }), respond({ status: 201, json: { id: 'lead-7', score: 5 } }));
    await hookline.publish('recorded', campaign(receiver.origin));
    await hookline.api('PUT', '/v1/people/mary', {
      attributes: { due: new Date(Date.now() + 3_600_000).toISOString() },
    });
    await hookline.api('POST', '/v1/events', { person: 'mary', name: 'signed_up' });
    await untilAt(hookline, 'waiting', 'pay');
    await hookline.api('POST', '/v1/events', { person: 'mary', name: 'paid' });
    await untilAt(hookline, 'delayed', 'date');
    await hookline.api('PUT', '/v1/people/mary', { attributes: { due: '2026-01-01' } });
    await untilAt(hookline, 'awaitingApproval', 'letter');
    const { body } = await hookline.api<{ data: { id: string }[] }>('GET', '/v1/deliveries?state=drafted');
    await hookline.api('POST', `/v1/deliveries/${body.data[0]?.id}/approve`);
    const { id } = await hookline.ended('mary');
    return `journey/${id}/1`;
  });
}

/** One of two, the one that waits for its time under a rate limit; behind steps of which nothing but the order of markers is recorded. */
function recordParked(): Promise<object> {
  return record(async ({ hookline, receiver }) => {
    const steps = [
      {
        type: 'branch',
        id: 'fork',
        cases: [
          {
            when: { 'customer.id': { exists: true } },
            steps: [{ type: 'update', id: 'note', attributes: { came: 'yes' } }],
          },
        ],
      },
      { type: 'webhook', id: 'paced', url: `${receiver.origin}/paced`, rateLimit: '12/m' },
    ];
    await hookline.publish('recorded', { trigger: { type: 'event', event: 'came' }, steps });
    const people = ['john', 'mary'];
    for (const person of people) await hookline.api('POST', '/v1/events', { person, name: 'came' });
    const journeys = await Promise.all(people.map((person) => hookline.ended(person, 25_000)));
    return `journey/${lastOf(journeys, ({ endedAt }) => endedAt).id}/1`;
  });
}

/** That of which the time is the latest. */
const lastOf = <T>(list: T[], timeOf: (item: T) => string | null): T => {
  const [last] = list.toSorted((one, other) => Date.parse(timeOf(other) ?? '') - Date.parse(timeOf(one) ?? ''));
  if (last === undefined) throw new Error('there is none');
  return last;
};

function recordExited(): Promise<object> {
  return record(async ({ hookline }) => {
    const steps = [{ type: 'delay', id: 'long', for: '1h' }];
    await hookline.publish('recorded', { trigger: { type: 'event', event: 'came' }, steps });
    await hookline.api('POST', '/v1/events', { person: 'mary', name: 'came' });
    await untilAt(hookline, 'delayed', 'long');
    const { body } = await hookline.api<{ data: { id: string }[] }>('GET', '/v1/journeys?person=mary');
    await hookline.api('POST', `/v1/journeys/${body.data[0]?.id}/exit`);
    return `journey/${body.data[0]?.id}/1`;
  });
}

function recordEntered(): Promise<object> {
  return record(async ({ hookline, receiver }) => {
    const steps = [
      { type: 'webhook', id: 'tell', url: `${receiver.origin}/tell` },
      { type: 'delay', id: 'rest', for: '1s' },
    ];
    await hookline.publish('recorded', { trigger: { type: 'manual' }, steps });
    await hookline.api('PUT', '/v1/people/mary', { attributes: {} });
    await hookline.api('POST', '/v1/campaigns/recorded/trigger', { audience: { 'customer.id': { exists: true } } });
    const { id } = await hookline.ended('mary');
    return `journey/${id}/1`;
  });
}

/** One of two, the one that waits for its time, and is sent at its second attempt. */
function recordDelivery(): Promise<object> {
  return record(async ({ hookline, receiver }) => {
    type Sent = { id: string; sentAt: string | null };
    receiver.on('/paced', respond(), respond({ status: 503 }), respond());
    await hookline.api('PUT', '/v1/webhooks/paced', { url: `${receiver.origin}/paced`, rateLimit: '12/m' });
    for (const person of ['john', 'mary']) await hookline.api('PUT', `/v1/people/${person}`, { attributes: {} });
    await hookline.api('POST', '/v1/webhooks/paced/send', { people: ['john', 'mary'] });
    const sent = await eventually(async () => {
      const { body } = await hookline.api<{ data: Sent[] }>('GET', '/v1/deliveries?state=sent');
      return body.data.length === 2 && body.data;
    }, 25_000);
    return `delivery/${lastOf(sent, ({ sentAt }) => sentAt).id}`;
  });
}

/** Of two people; it waits until its campaign, which was paused before the first page, goes on. */
function recordBroadcast(): Promise<object> {
  return record(async ({ hookline }) => {
    const { db } = hookline.database;
    await hookline.publish('recorded', { trigger: { type: 'manual' }, steps: [{ type: 'exit' }] });
    for (const person of ['john', 'mary']) await hookline.api('PUT', `/v1/people/${person}`, { attributes: {} });
    const release = await holdTransaction(db, (tx) => tx.execute(sql`select 1 from people for update`));
    const audience = { 'customer.id': { exists: true } };
    const path = '/v1/campaigns/recorded';
    const { body } = await hookline.api<{ broadcast: { id: string } }>('POST', `${path}/trigger`, { audience });
    await untilBlocked(db, 'hookline test');
    await hookline.api('POST', `${path}/pause`);
    await release();
    const workflowId = `broadcast/${body.broadcast.id}`;
    await eventually(async () => {
      const { events } = await hookline.client.workflow.getHandle(workflowId).fetchHistory();
      return events?.some((event) => event.timerStartedEventAttributes);
    });
    await hookline.api('POST', `${path}/resume`);
    return workflowId;
  });
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
    {
      type: 'split',
      id: 'test',
      variants: [{ name: 'all', percent: 100, steps: [{ type: 'delay', id: 'in', for: '1s' }] }],
    },
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
export const anonymous = (history: object, origin: string): object =>
  JSON.parse(JSON.stringify(history), (key, value: unknown) => {
    if (typeof value !== 'string') return value;
    if (key === 'identity') return 'worker';
    if (key === 'stackTrace') return '';
    if (key === 'data') return base64(text(value).replaceAll(origin, 'https://crm.example'));
    return value.replace(/^(?:\d+@.*|test-[0-9a-f-]{36})$/, 'hookline');
  }) as object;

const text = (data: string) => Buffer.from(data, 'base64').toString();
const base64 = (data: string) => Buffer.from(data).toString('base64');
