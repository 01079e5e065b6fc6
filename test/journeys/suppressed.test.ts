import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { eventually } from '../support/eventually.ts';
import { startDrafts, type Drafts } from '../support/drafts.ts';
import { expectProblem } from '../support/problem.ts';

let drafts: Drafts;

beforeAll(async () => {
  drafts = await startDrafts();
});
afterAll(() => drafts.stop());

const post = (person: string, action: string) => drafts.hookline.api('POST', `/v1/people/${person}/${action}`);
const skipped = { state: 'skipped', error: { code: 'delivery.suppressed' } };

describe('POST /v1/people/:id/suppress', () => {
  it('answers the person, also again, and unsuppress takes it back', async () => {
    await drafts.hookline.api('PUT', '/v1/people/ada', { attributes: { plan: 'gold' } });
    const first = await post('ada', 'suppress');
    expect(first).toMatchObject({ status: 200, body: { id: 'ada', suppressed: true, attributes: { plan: 'gold' } } });
    expect((await post('ada', 'suppress')).body).toEqual(first.body);
    expect((await post('ada', 'unsuppress')).body).toMatchObject({ suppressed: false });
    expectProblem(await post('nobody', 'suppress'), 404, 'people.not_found');
  });

  it('lets nothing begin: events are stored, and say so', async () => {
    const { api } = drafts.hookline;
    await drafts.publish('letters');
    await api('PUT', '/v1/people/eve', {});
    await post('eve', 'suppress');
    await api('POST', '/v1/events', { id: 'eve-1', person: 'eve', name: 'letters' });
    const event = await eventually(async () => {
      const { body } = await api<{ outcomes: unknown[] }>('GET', '/v1/events/eve-1');
      return body.outcomes.length > 0 && body;
    });
    expect(event.outcomes).toMatchObject([{ outcome: 'suppressed', reason: 'the person is suppressed' }]);
  });

  it('lets no draft out that is approved, and the journey that it holds goes on', async () => {
    await drafts.publish('held', { response: { attributes: { lead: '{{ response.lead }}' } } });
    const held = await drafts.enter('held', 'kim');
    const free = await drafts.enter('letters', 'kim');
    await post('kim', 'suppress');
    for (const { id } of [held, free]) expect((await drafts.decide(id, 'approve')).status).toBe(200);
    for (const { id } of [held, free]) await drafts.settled(id, 'skipped');
    expect(await drafts.delivery(held.id)).toMatchObject(skipped);
    expect(await drafts.delivery(free.id)).toMatchObject(skipped);
    await eventually(async () => {
      const { body } = await drafts.hookline.api<{ state: string }>('GET', `/v1/journeys/${held.journey}`);
      return body.state === 'completed';
    });
    expect(drafts.bodiesOf(held.id)).toEqual([]);
    expect(drafts.bodiesOf(free.id)).toEqual([]);
  });

  it('skips what is sent without a campaign', async () => {
    const { api } = drafts.hookline;
    await api('PUT', '/v1/webhooks/note', { url: drafts.url });
    const sent = await api<{ delivery: { id: string; state: string } }>('POST', '/v1/webhooks/note/send', {
      person: 'kim',
    });
    expect(sent.body.delivery.state).toBe('skipped');
    expect(await drafts.delivery(sent.body.delivery.id)).toMatchObject(skipped);
  });
});
