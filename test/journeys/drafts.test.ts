import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { respond } from '../support/behaviours.ts';
import { eventually } from '../support/eventually.ts';
import { startHookline, type Hookline } from '../support/hookline.ts';
import { startReceiver, type Receiver } from '../support/receiver.ts';

let hookline: Hookline;
let receiver: Receiver;

beforeAll(async () => {
  [hookline, receiver] = await Promise.all([startHookline(), startReceiver()]);
  receiver.on('/hook', respond({ json: { lead: 7 } }));
});
afterAll(async () => {
  await hookline.stop();
  await receiver.close();
});

type Delivery = { id: string; state: string; journey: string; decision: object | null };

const MAPPED = { response: { attributes: { lead: '{{ response.lead }}' } } };

/** Lets a person into a campaign whose only webhook is a draft. Answers the draft. */
async function draft(campaign: string, person: string, fields: object = {}): Promise<Delivery> {
  const url = receiver.url('/hook');
  const webhook = {
    type: 'webhook',
    id: 'tell',
    url,
    body: { json: { id: '{{ customer.id }}' } },
    send: 'draft',
    ...fields,
  };
  await hookline.publish(campaign, { trigger: { type: 'event', event: campaign }, steps: [webhook] });
  await hookline.api('POST', '/v1/events', { person, name: campaign });
  return eventually(async () => {
    const { body } = await hookline.api<{ data: Delivery[] }>('GET', `/v1/deliveries?person=${person}&state=drafted`);
    return body.data[0];
  });
}

const decide = (id: string, decision: 'approve' | 'discard', body?: object) =>
  hookline.api<Delivery & { code: string }>('POST', `/v1/deliveries/${id}/${decision}`, body);

const delivery = async (id: string) => (await hookline.api<Delivery>('GET', `/v1/deliveries/${id}`)).body;
const settled = (id: string, state: string) => eventually(async () => (await delivery(id)).state === state);
const requestsOf = (id: string) => receiver.requests.filter(({ headers }) => headers['idempotency-key'] === id);

describe('a draft with a response mapping', () => {
  it('holds its journey until it is approved, by twenty operators at once, and is then sent once', async () => {
    const { id, journey } = await draft('held', 'ann', { ...MAPPED, draftExpiry: '7d' });
    expect(await delivery(id)).toMatchObject({
      state: 'drafted',
      revision: 1,
      waitsFor: { reason: 'approval', until: expect.any(String) },
      expiresAt: expect.any(String),
      decision: null,
    });
    expect((await hookline.api('GET', `/v1/journeys/${journey}`)).body).toMatchObject({
      state: 'awaitingApproval',
      step: { id: 'tell', waitsFor: expect.stringMatching(/^the approval of its webhook until /) },
    });
    expect(requestsOf(id)).toEqual([]);

    const answers = await Promise.all(
      Array.from({ length: 20 }, () => decide(id, 'approve', { reason: 'looks good' })),
    );
    expect(answers.filter(({ status }) => status === 200)).toHaveLength(1);
    expect(answers.filter(({ status, body }) => status === 409 && body.code === 'deliveries.not_drafted')).toHaveLength(
      19,
    );
    await hookline.ended('ann');
    expect(requestsOf(id)).toHaveLength(1);
    expect(await hookline.attributes('ann')).toEqual({ lead: 7 });
    expect(await delivery(id)).toMatchObject({
      state: 'sent',
      decision: {
        by: { key: 'admin', actor: null },
        at: expect.any(String),
        decision: 'approve',
        reason: 'looks good',
      },
    });
  });

  it('lets its journey go on without it when it is discarded', async () => {
    const { id } = await draft('unwanted', 'bob', MAPPED);
    expect((await decide(id, 'discard')).status).toBe(200);
    expect(await hookline.ended('bob')).toMatchObject({
      state: 'completed',
      log: [{ what: 'rendered' }, { what: 'discarded', reason: null, by: { key: 'admin' } }, { what: 'completed' }],
    });
    expect(requestsOf(id)).toEqual([]);
  });

  it('is discarded when its time is over', async () => {
    const { id } = await draft('late', 'cat', { ...MAPPED, draftExpiry: '4s' });
    await settled(id, 'discarded');
    expect((await decide(id, 'approve')).body.code).toBe('deliveries.not_drafted');
    expect(await delivery(id)).toMatchObject({ decision: { by: null, decision: 'discard', reason: 'it expired' } });
    expect(await hookline.ended('cat')).toMatchObject({ state: 'completed' });
  });

  it('is discarded when its journey is ended by an operator', async () => {
    const { id, journey } = await draft('left', 'dan', MAPPED);
    const exit = () => hookline.api('POST', `/v1/journeys/${journey}/exit`, { reason: 'asked to' });
    expect(await exit()).toMatchObject({ status: 200, body: { state: 'exited', reason: 'asked to' } });
    expect(await exit()).toMatchObject({ status: 409, body: { code: 'journeys.ended' } });
    expect(await delivery(id)).toMatchObject({
      state: 'discarded',
      decision: { decision: 'discard', reason: 'its journey ended: asked to' },
    });
    await hookline.client.workflow.getHandle(`journey/${journey}/1`).result();
    expect(requestsOf(id)).toEqual([]);
  });
});

describe('a draft without a mapping', () => {
  it('lets its journey go on, and is sent by a workflow of its own when it is approved', async () => {
    const { id } = await draft('free', 'eve');
    expect(await hookline.ended('eve')).toMatchObject({ state: 'completed' });
    expect((await delivery(id)).state).toBe('drafted');
    expect((await decide(id, 'approve', { revision: 2 })).body.code).toBe('deliveries.revision');
    expect((await decide(id, 'approve', { revision: 1 })).body.state).toBe('approved');
    await settled(id, 'sent');
    expect(requestsOf(id)).toHaveLength(1);
    await hookline.client.workflow.getHandle(`delivery/${id}`).result();
  });
});

describe('a decision', () => {
  it('either way at once has exactly one effect, a hundred times', async () => {
    await draft('contested', 'person-0', MAPPED);
    const others = Array.from({ length: 99 }, (_, each) => ({ person: `person-${each + 1}`, name: 'contested' }));
    await hookline.api('POST', '/v1/events', others);
    const path = '/v1/deliveries?campaign=contested&state=drafted&limit=200';
    const drafts = await eventually(async () => {
      const { body } = await hookline.api<{ data: Delivery[] }>('GET', path);
      return body.data.length === 100 && body.data;
    }, 30_000);
    for (const { id } of drafts) {
      const [approved, discarded] = await Promise.all([decide(id, 'approve'), decide(id, 'discard')]);
      expect([approved.status, discarded.status].toSorted((a, b) => a - b)).toEqual([200, 409]);
    }
    await eventually(async () => {
      const { body } = await hookline.api<{ data: object[] }>(
        'GET',
        '/v1/journeys?campaign=contested&state=completed&limit=200',
      );
      return body.data.length === 100;
    }, 45_000);
    for (const { id } of drafts) {
      const { state, decision } = await delivery(id);
      const wasApproved = state === 'sent';
      expect({ state, decision }).toMatchObject({
        state: wasApproved ? 'sent' : 'discarded',
        decision: { decision: wasApproved ? 'approve' : 'discard' },
      });
      expect(requestsOf(id)).toHaveLength(wasApproved ? 1 : 0);
    }
  }, 90_000);

  it('of what is no draft, or unknown, is refused with its own code', async () => {
    expect(await decide('dlv_00000000-0000-7000-8000-000000000000', 'approve')).toMatchObject({
      status: 404,
      body: { code: 'deliveries.not_found' },
    });
    expect((await decide('x', 'approve', { revision: 0 })).status).toBe(422);
  });
});
