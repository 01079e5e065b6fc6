import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { respond } from '../support/behaviours.ts';
import { startHookline, type Hookline } from '../support/hookline.ts';
import { startReceiver, type Receiver } from '../support/receiver.ts';

let hookline: Hookline;
let receiver: Receiver;

beforeAll(async () => {
  [hookline, receiver] = await Promise.all([startHookline(), startReceiver()]);
});

afterAll(async () => {
  await hookline.stop();
  await receiver.close();
});

type Line = { at: string; delivery?: string };
type Journey = { state: string; reason: string | null; log: Line[] };
type Delivery = { step: string; state: string; missing: unknown; request: unknown; mapping: unknown; error: unknown };

/** Ids and times differ from journey to journey. */
const lines = ({ log }: Journey) =>
  log.map(({ at: _, delivery, ...line }) => ({ ...line, hasDelivery: Boolean(delivery) }));
const facts = ({ step, state, missing, request, mapping, error }: Delivery) => ({
  ...{ step, state, missing, request, mapping, error },
});

describe('a journey that is tried out', () => {
  it('has the log, the requests and the attributes of the real one', async () => {
    receiver.on('/leads', respond({ status: 201, headers: { 'x-region': 'eu' }, json: { id: 7, tier: 'gold' } }));
    receiver.on('/gone', respond({ status: 404, body: 'no such thing' }));
    const post = (id: string, path: string, more: object = {}) => ({
      ...{ type: 'webhook', id, url: receiver.url(path), ...more },
    });
    await hookline.api('PUT', '/v1/secrets/crm_key', { value: 'sesame-open-now' });
    await hookline.publish('same', {
      trigger: { type: 'event', event: 'signed_up', where: { 'event.plan': 'gold' } },
      defaults: { auth: { bearer: '{{ secrets.crm_key }}' } },
      steps: [
        { type: 'delay', id: 'moment', for: '1s' },
        post('lead', '/leads?plan={{ event.plan }}&name={{ customer.nick }}', {
          body: { json: { name: '{{ customer.name }}', key: '{{ secrets.crm_key }}' } },
          response: {
            attributes: {
              lead: '{{ response.id }}',
              region: '{{ http.headers.x-region }}',
              lacking: '{{ response.nothing }}',
            },
          },
        }),
        {
          type: 'branch',
          id: 'tier',
          cases: [
            { when: { 'responses.lead.tier': 'silver' }, steps: [] },
            {
              when: { 'responses.lead.http.status': 201, 'customer.lead': { gt: 5 } },
              steps: [{ type: 'update', id: 'count', attributes: { leads: '{{ customer.leads | plus: 1 }}' } }],
            },
          ],
        },
        post('never', '/never', { send: 'never' }),
        post('broken', '/people/{{ customer.nick }}'),
        post('gone', '/gone', { onFailure: 'exit' }),
        post('unreached', '/unreached'),
      ],
    });
    const attributes = { name: 'Ada', leads: 1 };
    await hookline.api('PUT', '/v1/people/ada', { attributes });
    const simulated = await hookline.api<{ journey: Journey & { deliveries: Delivery[]; person: unknown } }>(
      'POST',
      '/v1/campaigns/simulate',
      {
        campaign: 'same',
        person: 'ada',
        event: { data: { plan: 'gold' } },
        answers: {
          lead: { status: 201, headers: { 'X-Region': 'eu' }, body: { id: 7, tier: 'gold' } },
          gone: { status: 404, body: 'no such thing' },
        },
      },
    );
    expect(receiver.requests).toEqual([]);

    await hookline.api('POST', '/v1/events', { person: 'ada', name: 'signed_up', data: { plan: 'gold' } });
    const { id, deliveries: ids } = await hookline.ended('ada');
    const real = await hookline.api<Journey>('GET', `/v1/journeys/${id}`);
    const { journey } = simulated.body;
    expect(journey).toMatchObject({ state: 'exited', reason: 'webhook gone failed' });
    expect({ state: real.body.state, reason: real.body.reason }).toEqual({
      state: journey.state,
      reason: journey.reason,
    });
    expect(lines(journey).map(untilLeftOut)).toEqual(lines(real.body).map(untilLeftOut));
    expect(journey.person).toEqual({ id: 'ada', attributes: await hookline.attributes('ada') });
    const deliveries = await Promise.all(ids.map((one) => hookline.api<Delivery>('GET', `/v1/deliveries/${one}`)));
    expect(journey.deliveries.map(facts)).toEqual(deliveries.map(({ body }) => facts(body)));
  });
});

const untilLeftOut = (line: object) => ('until' in line ? { ...line, until: 'later' } : line);
